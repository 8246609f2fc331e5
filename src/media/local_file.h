// A local file that is read for a transfer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "media/content_hash.h"
#include "media/object_store.h"

namespace fm::media {

// What tells one state of a file from another.
struct FileState {
  std::int64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::string etag;  // of an object that is copied, which has no time
  bool operator==(const FileState&) const = default;
};

// Nothing when there is no regular file of that name.
std::optional<FileState> state_of(const std::string& path);

class LocalFile {
 public:
  // Throws Error(kNotFound) or Error(kRights).
  explicit LocalFile(std::string path);
  LocalFile(const LocalFile&) = delete;
  LocalFile& operator=(const LocalFile&) = delete;
  ~LocalFile();

  const FileState& state() const { return state_; }
  // From the beginning; refers to this object. What is read in order is hashed on
  // the way, its MD5 by parts if a store of such ETags asked.
  Content content(bool parts);
  // Whether the file is still as it was when it was opened, by size and time.
  bool unchanged() const;

  // As content_hash.h has them. They read what was not hashed since content().
  std::string sha256();
  // With parts: what S3 has as ETag, unless it encrypts with a key of its own.
  std::string md5(bool parts);

 private:
  std::size_t read_at(std::int64_t offset, char* buffer, std::size_t capacity) const;
  std::string part_sha256(std::int64_t part) const;
  void each_piece(std::int64_t start, std::int64_t size, const std::function<void(std::string_view)>& visit) const;

  std::string path_;
  int fd_;
  FileState state_;
  std::int64_t at_ = 0;  // of what is read in order
  bool parts_ = false;
  std::optional<ContentHash<Sha256>> sha256_;
  std::optional<ContentHash<Md5>> md5_;
  std::vector<std::string> part_sums_;  // SHA-256 of parts, empty where unknown
};

}  // namespace fm::media
