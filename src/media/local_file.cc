#include "media/local_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace fm::media {

namespace {

constexpr std::int64_t kBuffer = std::int64_t{256} << 10;

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

std::size_t LocalFile::read_at(std::int64_t offset, char* buffer, std::size_t capacity) const {
  std::size_t size = 0;
  while (size < capacity) {
    const auto n = pread(fd_, buffer + size, capacity - size, offset + static_cast<std::int64_t>(size));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error(Exit::kFailed, "Reading '" + path_ + "': " + std::strerror(errno), "", "OSError");
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  return size;
}

void LocalFile::each_piece(std::int64_t start, std::int64_t size,
                           const std::function<void(std::string_view)>& visit) const {
  std::vector<char> buffer(static_cast<std::size_t>(std::min(size, kBuffer)));
  for (const auto end = start + size; start < end;) {
    const auto n = read_at(start, buffer.data(), static_cast<std::size_t>(std::min(end - start, kBuffer)));
    if (n == 0) return;  // shorter than it was
    visit({buffer.data(), n});
    start += static_cast<std::int64_t>(n);
  }
}

std::string LocalFile::part_sha256(std::int64_t part) const {
  const auto start = part * part_size(state_.size);
  Sha256 hash;
  each_piece(start, std::min(part_size(state_.size), state_.size - start),
             [&](std::string_view bytes) { hash.update(bytes); });
  return raw(hash.finish());
}

Content LocalFile::content(bool parts) {
  at_ = 0;
  parts_ = parts;
  sha256_.emplace(state_.size);
  md5_.emplace(state_.size, parts);
  part_sums_.assign(static_cast<std::size_t>(part_count(state_.size)), "");
  Content out;
  out.size = state_.size;
  out.read = [this](char* buffer, std::size_t capacity) {
    const auto size = read_at(at_, buffer, capacity);
    sha256_->update({buffer, size});
    md5_->update({buffer, size});
    at_ += static_cast<std::int64_t>(size);
    return size;
  };
  out.read_at = [this](std::int64_t offset, char* buffer, std::size_t capacity) {
    return read_at(offset, buffer, capacity);
  };
  out.part_sha256 = [this](std::int64_t part) {
    return part_sums_[static_cast<std::size_t>(part)] = part_sha256(part);
  };
  return out;
}

bool LocalFile::unchanged() const {
  struct stat facts {};
  return fstat(fd_, &facts) == 0 && state_from(facts) == state_ && state_of(path_) == state_;
}

std::string LocalFile::sha256() {
  if (sha256_ && at_ == state_.size && at_ > 0) return std::exchange(sha256_, std::nullopt)->finish();
  std::string sums;
  for (std::int64_t part = 0; part < part_count(state_.size); ++part) {
    const auto index = static_cast<std::size_t>(part);
    sums += index < part_sums_.size() && !part_sums_[index].empty() ? part_sums_[index] : part_sha256(part);
  }
  return state_.size < kPartSize ? to_hex(sums) : of_parts<Sha256>(sums, part_count(state_.size));
}

std::string LocalFile::md5(bool parts) {
  if (md5_ && at_ == state_.size && at_ > 0 && parts == parts_) return std::exchange(md5_, std::nullopt)->finish();
  ContentHash<Md5> hash(state_.size, parts);
  each_piece(0, state_.size, [&](std::string_view bytes) { hash.update(bytes); });
  return hash.finish();
}

}  // namespace fm::media
