// Runs a fuzzer's function on kept inputs, then on mutations of them that are
// the same every time: what libFuzzer does, without its compiler and coverage.
//
//   NAME_fuzz FOLDER RUNS
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Input = std::string;

constexpr std::size_t kLargest = 64 << 10;

std::vector<Input> read_inputs(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Input> out;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    out.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return out;
}

class Mutator {
  using Random = std::mt19937_64;

  std::size_t below(std::size_t n) { return n == 0 ? 0 : static_cast<std::size_t>(random_() % n); }
  template <class List>
  const auto& pick(const List& list) {
    return list[below(std::size(list))];
  }

 public:
  explicit Mutator(const std::vector<Input>& seeds) : seeds_(seeds) {}

  Input next() {
    Input input = pick(seeds_);
    for (std::size_t i = 0, n = 1 + below(4); i < n; ++i) change(input);
    if (input.size() > kLargest) input.resize(kLargest);
    return input;
  }

 private:
  void change(Input& input) {
    static const char kBytes[] = {0, 1, 2, 4, 5, 16, 32, 64, 127, -128, -1, '"', '{', '[', '$', '.', '~', '\n'};
    const auto at = below(input.size() + 1);
    const auto length = below(std::min<std::size_t>(input.size() - at, 32) + 1);
    switch (below(8)) {
      case 0:
        if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << below(8)));
        break;
      case 1:
        if (at < input.size()) input[at] = pick(kBytes);
        break;
      case 2:
        input.insert(at, 1, pick(kBytes));
        break;
      case 3:
        input.erase(at, length);
        break;
      case 4:
        input.insert(at, input.substr(at, length));
        break;
      case 5: {  // a number of 4 bytes
        const std::uint32_t values[] = {0,          1,          4,          5,
                                        0x7fffffff, 0x80000000, 0xffffffff, static_cast<std::uint32_t>(input.size())};
        const auto value = pick(values);
        for (std::size_t i = 0; i < 4 && at + i < input.size(); ++i) {
          input[at + i] = static_cast<char>(value >> (8 * i));
        }
        break;
      }
      case 6: {  // the end of another one
        const auto& other = pick(seeds_);
        input = input.substr(0, at) + other.substr(below(other.size() + 1));
        break;
      }
      default:
        input.resize(at);
    }
  }

  const std::vector<Input>& seeds_;
  Random random_{20260101};
};

Input running;  // outlives what it throws

// Sanitizers and failed checks end the program here.
void tell() {
  std::FILE* file = std::fopen("failing-input", "wb");
  if (!file) return;
  std::fwrite(running.data(), 1, running.size(), file);
  std::fclose(file);
  std::fprintf(stderr, "the input is in ./failing-input (%zu bytes)\n", running.size());
}

void run(const Input& input) {
  running = input;
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

}  // namespace

#if defined(__SANITIZE_ADDRESS__)
extern "C" void __sanitizer_set_death_callback(void (*callback)());
#endif

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s FOLDER RUNS\n", argv[0]);
    return 2;
  }
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_set_death_callback(tell);
#endif
  const auto inputs = read_inputs(argv[1]);
  if (inputs.empty()) {
    std::fprintf(stderr, "no inputs in %s\n", argv[1]);
    return 2;
  }
  try {
    for (const auto& input : inputs) run(input);
    Mutator mutator(inputs);
    for (long i = 0, n = std::strtol(argv[2], nullptr, 10); i < n; ++i) run(mutator.next());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "thrown: %s\n", error.what());
    tell();
    return 1;
  }
  std::printf("%zu inputs, %s mutations\n", inputs.size(), argv[2]);
  return 0;
}
