// A local file that is read for a transfer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/hash.h"
#include "media/object_store.h"

namespace fm::media {

// What tells one state of a file from another.
struct FileState {
  std::int64_t size = 0;
  std::int64_t mtime_ns = 0;
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
  // From the beginning, hashed on the way. Refers to this object. `parts`: an
  // ETag is for kPartSize parts, as S3 makes it from that size on.
  Content content(bool parts);
  // Whether the file is still as it was when it was opened, by size and time.
  bool unchanged() const;
  // Of all that was read since content(), in hexadecimal digits; ends it.
  struct Hashes {
    std::string sha256;
    std::string md5;   // empty with parts
    std::string etag;  // what S3 says of this content, unless it encrypts with a key of its own
  };
  Hashes hashes();

 private:
  void hash(std::string_view bytes);

  std::string path_;
  int fd_;
  FileState state_;
  std::int64_t at_ = 0;
  bool parts_ = false;
  std::string part_sums_;
  std::optional<Sha256> sha256_;
  std::optional<Md5> md5_;
};

}  // namespace fm::media
