// A file that claims to be a packed archive: it is unpacked into its own folder
// and nowhere else, and what is in it is read or refused.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "archive/inspect.h"
#include "archive/packed.h"
#include "base/error.h"
#include "fuzz/check.h"

using namespace fm;
namespace fs = std::filesystem;

namespace {

// <temporary>/box is where everything has to stay; entries that lead out would be beside it.
class Box {
 public:
  Box() {
    const fs::path memory = "/dev/shm";
    auto name = ((fs::exists(memory) ? memory : fs::temp_directory_path()) / "fm-archive-fuzz-XXXXXX").string();
    if (!::mkdtemp(name.data())) std::abort();
    root_ = name;
  }
  Box(const Box&) = delete;
  Box& operator=(const Box&) = delete;
  ~Box() {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }
  fs::path fresh() {
    std::error_code ignored;
    fs::remove_all(root_ / "box", ignored);
    fs::create_directories(root_ / "box");
    return root_ / "box";
  }
  void check() const {
    for (const auto& entry : fs::directory_iterator(root_)) {
      fuzz::check(entry.path().filename() == "box", "nothing leaves the folder");
    }
    for (const auto& entry : fs::recursive_directory_iterator(root_)) {
      fuzz::check(!entry.is_symlink() && (entry.is_directory() || entry.is_regular_file()), "files and folders only");
    }
  }

 private:
  fs::path root_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Box box;
  const auto folder = box.fresh();
  const auto file = (folder / (size > 1 && data[0] == 'P' && data[1] == 'K' ? "x.zip" : "x.tar")).string();
  std::ofstream(file, std::ios::binary).write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  std::string unpacked;
  try {
    bool fresh = false;
    unpacked = archive::unpack(file, fresh, {});
  } catch (const Error&) {
  }
  box.check();
  if (unpacked.empty()) {
    fuzz::check(!fs::exists(folder / "x"), "what is refused leaves nothing");
    return 0;
  }
  try {
    static_cast<void>(archive::inspect_archive(unpacked, std::nullopt, {}));
  } catch (const Error&) {
  }
  try {
    static_cast<void>(archive::verify_archive(unpacked, std::nullopt, 1, {}));
  } catch (const Error&) {
  }
  box.check();
  return 0;
}
