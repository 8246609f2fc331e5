#include "archive/key_set.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <queue>

#include "base/error.h"

namespace fm::archive {

namespace {

constexpr std::size_t kBlock = 256;
constexpr std::size_t kReadAhead = 4096;  // keys

[[noreturn]] void fail(const char* what) {
  throw Error(Exit::kFailed, std::string("Could not ") + what + " a temporary file: " + std::strerror(errno),
              "Ids of large archives are sorted in the folder for temporary files: name one with room in TMPDIR.");
}

int open_nameless() {
  const auto* folder = std::getenv("TMPDIR");
  auto name = std::string(folder && *folder ? folder : "/tmp") + "/fiftyone-migrator-XXXXXX";
  const int file = ::mkostemp(name.data(), O_CLOEXEC);
  if (file < 0) fail("open");
  ::unlink(name.c_str());
  return file;
}

}  // namespace

KeySet::KeySet(std::size_t most) : most_(most) {}

KeySet::~KeySet() {
  if (file_ >= 0) ::close(file_);
}

void KeySet::add(const Key& key) {
  if (keys_.size() == most_) spill();
  keys_.push_back(key);
}

void KeySet::spill() {
  if (file_ < 0) file_ = open_nameless();
  std::sort(keys_.begin(), keys_.end());
  const auto* data = reinterpret_cast<const char*>(keys_.data());
  const auto bytes = keys_.size() * sizeof(Key);
  for (std::size_t done = 0; done < bytes;) {
    const auto count = ::pwrite(file_, data + done, bytes - done, static_cast<off_t>(written_ * sizeof(Key) + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("write");
    done += static_cast<std::size_t>(count);
  }
  Run run{written_, keys_.size(), {}};
  for (std::size_t i = 0; i < keys_.size(); i += kBlock) run.sparse.push_back(keys_[i]);
  runs_.push_back(std::move(run));
  written_ += keys_.size();
  keys_.clear();
}

void KeySet::seal() {
  std::sort(keys_.begin(), keys_.end());
  keys_.shrink_to_fit();
}

std::size_t KeySet::read(std::size_t at, std::size_t count, Key* out) const {
  auto* data = reinterpret_cast<char*>(out);
  const auto bytes = count * sizeof(Key);
  for (std::size_t done = 0; done < bytes;) {
    const auto got = ::pread(file_, data + done, bytes - done, static_cast<off_t>(at * sizeof(Key) + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) fail("read");
    done += static_cast<std::size_t>(got);
  }
  return count;
}

bool KeySet::contains(const Key& key) const {
  if (std::binary_search(keys_.begin(), keys_.end(), key)) return true;
  std::array<Key, kBlock> block;
  for (const auto& run : runs_) {
    const auto after = std::upper_bound(run.sparse.begin(), run.sparse.end(), key);
    if (after == run.sparse.begin()) continue;
    const auto begin = static_cast<std::size_t>(after - run.sparse.begin() - 1) * kBlock;
    const auto count = read(run.begin + begin, std::min(kBlock, run.size - begin), block.data());
    if (std::binary_search(block.begin(), block.begin() + static_cast<std::ptrdiff_t>(count), key)) return true;
  }
  return false;
}

void KeySet::repeated(const std::function<void(const Key&)>& visit) const {
  std::optional<Key> last;
  each([&](const Key& key) {
    if (last == key) visit(key);
    last = key;
  });
}

void KeySet::each(const std::function<void(const Key&)>& visit) const {
  // The sorted runs side by side, the one in memory last.
  struct Cursor {
    const Run* run = nullptr;
    std::size_t at = 0;
    std::size_t filled = 0;  // where `ahead` ends, in keys of the run
    std::vector<Key> ahead;
  };
  std::vector<Cursor> cursors(runs_.size() + 1);
  for (std::size_t i = 0; i < runs_.size(); ++i) cursors[i].run = &runs_[i];
  const auto next = [&](std::size_t which) -> std::optional<Key> {
    auto& cursor = cursors[which];
    if (!cursor.run) return cursor.at < keys_.size() ? std::optional(keys_[cursor.at++]) : std::nullopt;
    if (cursor.at == cursor.run->size) return std::nullopt;
    if (cursor.at == cursor.filled) {
      cursor.ahead.resize(std::min(kReadAhead, cursor.run->size - cursor.at));
      cursor.filled += read(cursor.run->begin + cursor.at, cursor.ahead.size(), cursor.ahead.data());
    }
    return cursor.ahead[cursor.ahead.size() - (cursor.filled - cursor.at++)];
  };
  using Head = std::pair<Key, std::size_t>;
  std::priority_queue<Head, std::vector<Head>, std::greater<>> heads;
  for (std::size_t i = 0; i < cursors.size(); ++i) {
    if (const auto key = next(i)) heads.emplace(*key, i);
  }
  while (!heads.empty()) {
    const auto [key, which] = heads.top();
    heads.pop();
    visit(key);
    if (const auto following = next(which)) heads.emplace(*following, which);
  }
}

}  // namespace fm::archive
