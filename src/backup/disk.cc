#include "backup/disk.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/error.h"

namespace fm::dump {

namespace {

constexpr std::int64_t kAhead = std::int64_t{4} << 20;

namespace fs = std::filesystem;

// Tells a folder of ours, and is locked while somebody writes there.
constexpr const char* kMark = "fiftyone-migrator.partial";
constexpr const char* kEnding = ".partial";

[[noreturn]] void fail(const std::string& doing, const std::string& path, int number) {
  const auto what = "Could not " + doing + " " + path + ": " + std::strerror(number);
  if (number == ENOSPC || number == EDQUOT || number == EFBIG) {
    throw Error(Exit::kPrecondition, what, "Make room there, or name a folder on another disk.");
  }
  if (doing == "read" && (number == EACCES || number == EPERM)) {
    throw Error(Exit::kPrecondition, what, "Let the user that runs this read it.");
  }
  if (number == EACCES || number == EPERM || number == EROFS || number == ENOENT || number == ENOTDIR) {
    throw Error(Exit::kPrecondition, what, "Name a folder that can be written to.");
  }
  throw Error(Exit::kFailed, what);
}

void check(int result, const std::string& doing, const std::string& path) {
  if (result != 0) fail(doing, path, errno);
}

// Names in a folder reach the disk with the folder.
void sync_folder(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) fail("open", path, errno);
  const int result = ::fsync(descriptor);
  const int number = errno;
  ::close(descriptor);
  if (result != 0) fail("write", path, number);
}

std::string absolute(const std::string& directory) {
  if (directory.empty()) throw Error(Exit::kUsage, "The name of the folder is empty", "Name a new folder.");
  auto path = fs::absolute(directory).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();  // ends in "/"
  std::error_code error;
  if (!fs::is_symlink(path, error)) return path.string();
  const auto leads_to = fs::canonical(path, error);
  if (error) fail("follow the link", path.string(), error.value());
  return leads_to.string();
}

bool is_empty_folder(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error) && fs::is_empty(path, error);
}

// Puts the mark into a folder, or takes the one that is there. Gives its
// descriptor, or -1 when another run holds it.
int lock_mark(const std::string& folder) {
  const auto mark = folder + "/" + kMark;
  const int descriptor = ::open(mark.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) fail("create", mark, errno);
  // It may have gone, with its folder, between the two.
  struct stat opened {};
  struct stat there {};
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0 && ::fstat(descriptor, &opened) == 0 &&
      ::stat(mark.c_str(), &there) == 0 && opened.st_ino == there.st_ino && opened.st_dev == there.st_dev) {
    return descriptor;
  }
  ::close(descriptor);
  return -1;
}

// All but the mark; the number of the first error, or 0.
int remove_content(const std::string& folder) noexcept {
  std::error_code first;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::error_code one;
    if (at->path().filename() != kMark) fs::remove_all(at->path(), one);
    if (one && !first) first = one;
  }
  return first ? first.value() : error.value();
}

// The mark goes last, so that what a killed run leaves can still be told. Whoever
// puts a new one there meanwhile keeps the folder.
void remove_marked(const std::string& folder) noexcept {
  if (remove_content(folder) != 0) return;
  ::unlink((folder + "/" + kMark).c_str());
  ::rmdir(folder.c_str());
}

void sync_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail("read", path, errno);
  const int result = ::fsync(descriptor);
  const int number = errno;
  ::close(descriptor);
  if (result != 0) fail("write", path, number);
}

// All below a folder. One call for all files waits for what other programs have
// written, too; one each takes minutes where there are thousands.
void bring_to_disk(const std::string& folder, int descriptor) {
  constexpr std::size_t kFew = 64;
  std::vector<std::string> files;
  std::vector<std::string> folders;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_symlink()) continue;
    if (entry.is_directory()) folders.push_back(entry.path().string());
    if (entry.is_regular_file()) files.push_back(entry.path().string());
    if (files.size() + folders.size() > kFew) return check(::syncfs(descriptor), "write", folder);
  }
  for (const auto& file : files) sync_file(file);
  for (const auto& inner : folders) sync_folder(inner);
}

}  // namespace

OutputFile::OutputFile(const std::string& path, unsigned mode)
    : path_(path), descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)) {
  if (descriptor_ < 0) fail("create", path_, errno);
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void OutputFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("write", path_, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
    written_ += written;
  }
  // The disk begins while more comes, so that little is left to wait for at the end.
  if (written_ - begun_ < kAhead) return;
  ::sync_file_range(descriptor_, begun_, written_ - begun_, SYNC_FILE_RANGE_WRITE);
  begun_ = written_;
}

void OutputFile::sync() { check(::fsync(descriptor_), "write", path_); }

void OutputFile::close() {
  const int descriptor = descriptor_;
  descriptor_ = -1;
  check(::close(descriptor), "write", path_);
}

InputFile::InputFile(const std::string& path) : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (descriptor_ >= 0) return;
  if (errno == ENOENT) {
    throw Error(Exit::kMismatch, "The backup is damaged: " + path_ + " is missing",
                "Use another backup; nothing was written.");
  }
  fail("read", path_, errno);
}

InputFile::~InputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool InputFile::read(std::string& into, std::size_t most) {
  const auto start = into.size();
  into.resize(start + most);
  while (true) {
    const auto count = ::read(descriptor_, into.data() + start, most);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("read", path_, errno);
    into.resize(start + static_cast<std::size_t>(count));
    return count > 0;
  }
}

std::string read_file(const std::string& path) {
  InputFile file(path);
  std::string out;
  while (file.read(out, std::size_t{64} << 10)) {
  }
  return out;
}

Staging::Staging(const std::string& target, bool replace, Target kind)
    : target_(absolute(target)), path_(target_ + kEnding), replace_(replace) {
  check_target(replace, kind);
  std::error_code error;
  const auto mark = path_ + "/" + kMark;
  if (fs::exists(fs::symlink_status(path_, error)) && !is_empty_folder(path_) && !fs::exists(mark, error)) {
    throw Error(Exit::kPrecondition, path_ + " is in the way, and this program did not write it",
                "Move it away: the new " + std::string(kind == Target::kFile ? "file" : "folder") +
                    " is written there and renamed at its end.");
  }
  fs::create_directory(path_, error);
  if (error) fail("create", path_, error.value());
  try {
    lock_ = lock_mark(path_);
  } catch (...) {
    fs::remove(path_, error);  // if nothing is in it
    throw;
  }
  if (lock_ < 0) {
    throw Error(Exit::kPrecondition, "Another run is writing to " + path_,
                "Wait for it to end, or name another folder.");
  }
  if (const int number = remove_content(path_)) {
    ::close(lock_);
    fail("remove what a run before this left in", path_, number);
  }
}

Staging::~Staging() { remove(); }

void Staging::check_target(bool replace, Target kind) const {
  if (target_.ends_with(kEnding)) {
    throw Error(Exit::kUsage,
                "What is called " + fs::path(target_).filename().string() + " is not finished, by its name",
                std::string("Choose a name that does not end in ") + kEnding + ".");
  }
  std::error_code error;
  const auto status = fs::symlink_status(target_, error);
  if (kind == Target::kFile) {
    if (fs::exists(status) && !(replace && fs::is_regular_file(status))) {
      throw Error(
          Exit::kPrecondition, target_ + " exists",
          fs::is_regular_file(status) ? "Name a new file, or replace it with --overwrite." : "Name a new file.");
    }
  } else if (fs::exists(status) && !is_empty_folder(target_) && !(replace && fs::is_directory(status))) {
    throw Error(Exit::kPrecondition, target_ + " exists and is not an empty folder",
                kind == Target::kArchive && fs::is_directory(status)
                    ? "Name a new folder, or replace it, with all that it holds, with --overwrite."
                    : "Name a new folder: nothing is ever written into one that holds something.");
  }
  if (replace && fs::is_directory(status) && ::access(target_.c_str(), W_OK) != 0) fail("replace", target_, errno);
  const auto parent = fs::path(target_).parent_path().string();
  fs::create_directories(parent, error);
  if (error) fail("create", parent, error.value());
  struct stat of_target {};
  struct stat of_parent {};
  if (::stat(target_.c_str(), &of_target) == 0 && ::stat(parent.c_str(), &of_parent) == 0 &&
      of_target.st_dev != of_parent.st_dev) {
    throw Error(Exit::kPrecondition, target_ + " is where a disk is mounted, so it cannot be renamed",
                "Name a folder below it: " + target_ + "/new");
  }
}

void Staging::remove() noexcept {
  if (lock_ < 0) return;
  remove_marked(path_);
  ::close(lock_);
  lock_ = -1;
}

void Staging::make_folder(const std::string& name) const {
  check(::mkdir((path_ + "/" + name).c_str(), 0700), "create", path_ + "/" + name);
}

std::uint64_t Staging::free_bytes() const {
  struct statvfs facts {};
  check(::statvfs(path_.c_str(), &facts), "look at", path_);
  return std::uint64_t{facts.f_bavail} * facts.f_frsize;
}

void Staging::publish(const std::string& last_name, const std::string& content, unsigned mode) {
  bring_to_disk(path_, lock_);
  const auto name = path_ + "/" + last_name;
  OutputFile file(name + ".new", mode);
  file.write(content);
  file.sync();
  file.close();
  check(::rename((name + ".new").c_str(), name.c_str()), "rename", name + ".new");
  sync_folder(path_);
  if (replace_ && fs::exists(target_) && !is_empty_folder(target_)) return exchange();
  check(::rename(path_.c_str(), target_.c_str()), "rename " + path_ + " to", target_);
  ::unlink((target_ + "/" + kMark).c_str());  // a mark that stays says nothing there
  ::close(lock_);
  lock_ = -1;
  sync_folder(fs::path(target_).parent_path().string());
}

void Staging::exchange() {
  // The old folder is ours to remove once it bears the mark, by whoever comes next.
  const int old = lock_mark(target_);
  if (old < 0) {
    throw Error(Exit::kPrecondition, "Another run is replacing " + target_, "Wait for it to end.");
  }
  if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, target_.c_str(), RENAME_EXCHANGE) != 0) {
    const int number = errno;
    ::unlink((target_ + "/" + kMark).c_str());
    ::close(old);
    fail("exchange " + path_ + " with", target_, number);
  }
  ::unlink((target_ + "/" + kMark).c_str());
  ::close(lock_);
  lock_ = old;  // path_ is the old folder now
  sync_folder(fs::path(target_).parent_path().string());
  remove();
}

void Staging::publish_file(const std::string& name) {
  const auto file = path_ + "/" + name;
  sync_file(file);
  check(::rename(file.c_str(), target_.c_str()), "rename " + file + " to", target_);
  sync_folder(fs::path(target_).parent_path().string());
  remove();
}

}  // namespace fm::dump
