#include "media/local_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace fm::media {

namespace {

FileState state_from(const struct stat& facts) {
  return {facts.st_size, std::int64_t{facts.st_mtim.tv_sec} * 1'000'000'000 + facts.st_mtim.tv_nsec};
}

}  // namespace

std::optional<FileState> state_of(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) return std::nullopt;
  return state_from(facts);
}

LocalFile::LocalFile(std::string path) : path_(std::move(path)), fd_(open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (fd_ < 0) {
    const auto code = errno == EACCES ? Exit::kRights : errno == ENOENT ? Exit::kNotFound : Exit::kFailed;
    throw Error(code, "Reading '" + path_ + "': " + std::strerror(errno), "", "OSError");
  }
  struct stat facts {};
  fstat(fd_, &facts);
  state_ = state_from(facts);
  posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
}

LocalFile::~LocalFile() { close(fd_); }

Content LocalFile::content(bool parts) {
  at_ = 0;
  parts_ = parts && state_.size >= kPartSize;
  part_sums_.clear();
  sha256_.emplace();
  md5_.emplace();
  return {state_.size, [this](char* buffer, std::size_t capacity) {
            std::size_t size = 0;
            while (size < capacity) {
              const auto n = pread(fd_, buffer + size, capacity - size, at_ + static_cast<std::int64_t>(size));
              if (n < 0 && errno == EINTR) continue;
              if (n < 0) throw Error(Exit::kFailed, "Reading '" + path_ + "': " + std::strerror(errno), "", "OSError");
              if (n == 0) break;
              size += static_cast<std::size_t>(n);
            }
            hash({buffer, size});
            return size;
          }};
}

void LocalFile::hash(std::string_view bytes) {
  sha256_->update(bytes);
  while (!bytes.empty()) {
    const auto left = parts_ ? static_cast<std::size_t>(kPartSize - at_ % kPartSize) : bytes.size();
    const auto piece = bytes.substr(0, left);
    md5_->update(piece);
    at_ += static_cast<std::int64_t>(piece.size());
    bytes.remove_prefix(piece.size());
    if (!parts_ || at_ % kPartSize != 0) continue;
    part_sums_ += md5_->finish();
    md5_.emplace();
  }
}

bool LocalFile::unchanged() const {
  struct stat facts {};
  return fstat(fd_, &facts) == 0 && state_from(facts) == state_ && state_of(path_) == state_;
}

LocalFile::Hashes LocalFile::hashes() {
  Hashes out;
  out.sha256 = to_hex(sha256_->finish());
  const auto last = md5_->finish();
  if (!parts_) {
    out.md5 = to_hex(last);
    out.etag = out.md5;
    return out;
  }
  if (at_ % kPartSize != 0) part_sums_ += last;
  out.etag = to_hex(md5(part_sums_)) + "-" + std::to_string((at_ + kPartSize - 1) / kPartSize);
  return out;
}

}  // namespace fm::media
