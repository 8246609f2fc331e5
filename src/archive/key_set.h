// A set of keys of any number, in little memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace fm::archive {

// Keys are added, then the set is sealed, then it answers. Memory: `most` keys
// while adding; more are sorted and go to a file without a name in TMPDIR, 16
// bytes each, of which every 256th key stays in memory.
class KeySet {
 public:
  using Key = std::array<std::uint8_t, 16>;

  explicit KeySet(std::size_t most = std::size_t{1} << 20);
  KeySet(const KeySet&) = delete;
  KeySet& operator=(const KeySet&) = delete;
  ~KeySet();

  // Throws Error(kFailed) where the file cannot be written.
  void add(const Key& key);
  void seal();
  // Of a sealed set. From several threads at a time; one read of 4 KiB for each
  // run in the file.
  bool contains(const Key& key) const;
  // Calls visit for every key that was added, once for each time, in the order of keys.
  void each(const std::function<void(const Key&)>& visit) const;
  // Calls visit for every key that was added again, once for each time, in the order of keys.
  void repeated(const std::function<void(const Key&)>& visit) const;

 private:
  struct Run {
    std::size_t begin = 0;  // in the file, in keys
    std::size_t size = 0;
    std::vector<Key> sparse;  // every kBlock-th
  };
  void spill();
  std::size_t read(std::size_t at, std::size_t count, Key* out) const;

  std::size_t most_;
  std::vector<Key> keys_;
  std::vector<Run> runs_;
  std::size_t written_ = 0;
  int file_ = -1;
};

}  // namespace fm::archive
