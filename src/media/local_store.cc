#include "media/local_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "base/machine.h"

namespace fm::media {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kBuffer = std::size_t{1} << 20;

[[noreturn]] void fail(const std::string& doing, int error) {
  const auto code = error == EACCES || error == EPERM || error == EROFS ? Exit::kRights
                    : error == ENOENT || error == ENOTDIR               ? Exit::kNotFound
                                                                        : Exit::kFailed;
  throw Error(code, doing + ": " + std::strerror(error), "", "OSError");
}

class File {
 public:
  File(const std::string& path, int flags) : path_(path), fd_(open(path.c_str(), flags | O_CLOEXEC, 0666)) {
    if (fd_ < 0) fail(((flags & O_CREAT) != 0 ? "Writing '" : "Reading '") + path + "'", errno);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  void write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail("Writing '" + path_ + "'", errno);
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  // 0 at the end.
  std::size_t read(char* buffer, std::size_t capacity) const {
    while (true) {
      const auto n = ::read(fd_, buffer, capacity);
      if (n >= 0) return static_cast<std::size_t>(n);
      if (errno != EINTR) fail("Reading '" + path_ + "'", errno);
    }
  }
  // The content is on the disk when this returns.
  void finish() {
    const bool synced = fsync(fd_) == 0;
    const int error = errno;
    const bool closed = close(fd_) == 0;
    fd_ = -1;
    if (!synced) fail("Writing '" + path_ + "'", error);
    if (!closed) fail("Writing '" + path_ + "'", errno);
  }

 private:
  std::string path_;
  int fd_;
};

// Beside its place until it is whole.
class Draft {
 public:
  explicit Draft(const std::string& key)
      : key_(key),
        path_(key + ".partial-" + to_hex(random_bytes(4))),
        file_(prepared(key, path_), O_WRONLY | O_CREAT | O_EXCL) {}
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;
  ~Draft() {
    if (!done_) unlink(path_.c_str());
  }
  const File& file() const { return file_; }
  void finish() {
    file_.finish();
    if (rename(path_.c_str(), key_.c_str()) != 0) fail("Writing '" + key_ + "'", errno);
    done_ = true;
  }

 private:
  static const std::string& prepared(const std::string& key, const std::string& path) {
    std::error_code error;
    fs::create_directories(fs::path(key).parent_path(), error);
    if (error) fail("Making the folder of '" + key + "'", error.value());
    return path;
  }

  std::string key_;
  std::string path_;
  File file_;
  bool done_ = false;
};

}  // namespace

std::optional<ObjectFacts> LocalStore::stat(const std::string& key) {
  struct stat facts {};
  if (::stat(key.c_str(), &facts) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    fail("Looking at '" + key + "'", errno);
  }
  if (!S_ISREG(facts.st_mode)) return std::nullopt;
  ObjectFacts out;
  out.size = facts.st_size;
  return out;
}

std::optional<ObjectFacts> LocalStore::put(const std::string& key, const Content& content, const Attributes&) {
  Draft draft(key);
  std::vector<char> buffer(kBuffer);
  std::int64_t size = 0;
  while (true) {
    const auto n = content.read(buffer.data(), buffer.size());
    draft.file().write({buffer.data(), n});
    size += static_cast<std::int64_t>(n);
    if (n < buffer.size()) break;
  }
  if (size != content.size) throw Error(Exit::kFailed, "The content for '" + key + "' changed while it was read");
  draft.finish();
  return std::nullopt;
}

void LocalStore::check_attributes(const Attributes& attributes) const {
  if (attributes.cache_control.empty() && attributes.storage_class.empty() && attributes.metadata.empty()) return;
  throw Error(Exit::kUsage, "A folder keeps files alone: no cache control, no storage class, no metadata");
}

void LocalStore::get(const std::string& key, const std::function<void(std::string_view)>& sink) {
  const File file(key, O_RDONLY);
  std::vector<char> buffer(kBuffer);
  while (const auto n = file.read(buffer.data(), buffer.size())) sink({buffer.data(), n});
}

void LocalStore::list(const std::string& folder, bool recursive, const std::function<void(const Entry&)>& visit) {
  std::error_code error;
  const fs::path root(folder.empty() ? "/" : folder);
  if (!fs::is_directory(root, error)) return;
  const auto look_at = [&](const fs::directory_entry& item) {
    std::error_code ignored;
    if (item.is_directory(ignored)) {
      if (!recursive) visit({item.path().string(), 0, true});
    } else if (item.is_regular_file(ignored)) {
      visit({item.path().string(), static_cast<std::int64_t>(item.file_size(ignored)), false});
    }
  };
  try {
    if (recursive) {
      for (const auto& item : fs::recursive_directory_iterator(root)) look_at(item);
    } else {
      for (const auto& item : fs::directory_iterator(root)) look_at(item);
    }
  } catch (const fs::filesystem_error& failure) {
    fail("Listing '" + folder + "'", failure.code().value());
  }
}

void LocalStore::copy(const std::string& from, const std::string& to) {
  const File file(from, O_RDONLY);
  Draft draft(to);
  std::vector<char> buffer(kBuffer);
  while (const auto n = file.read(buffer.data(), buffer.size())) draft.file().write({buffer.data(), n});
  draft.finish();
}

void LocalStore::remove(const std::string& key) {
  if (unlink(key.c_str()) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return;
    fail("Deleting '" + key + "'", errno);
  }
  for (auto folder = fs::path(key).parent_path(); folder.has_relative_path(); folder = folder.parent_path()) {
    if (rmdir(folder.c_str()) != 0) break;
  }
}

}  // namespace fm::media
