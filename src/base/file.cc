#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/error.h"

namespace fm {

namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

[[noreturn]] void cannot_write(const std::string& path, int error) {
  throw Error(Exit::kPrecondition, "The file '" + path + "' cannot be written: " + std::strerror(error),
              "Name a file in a folder that exists, that you may write to and that has room.");
}

bool write_all(int descriptor, std::string_view content) {
  while (!content.empty()) {
    const auto n = ::write(descriptor, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return ::fsync(descriptor) == 0;
}

// What a new file of this process gets; asking for the mask means setting it.
mode_t usual_mode() {
  const mode_t mask = ::umask(022);
  ::umask(mask);
  return 0666 & ~mask;
}

}  // namespace

std::string read_file(const std::string& path, std::size_t most) {
  const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "rb"));
  const auto fail = [&](const std::string& why) {
    throw Error(errno == ENOENT ? Exit::kNotFound : Exit::kUsage, "The file '" + path + "' cannot be read: " + why);
  };
  if (!file) fail(std::strerror(errno));
  std::string out;
  char part[65536];
  for (std::size_t n = 0; (n = std::fread(part, 1, sizeof part, file.get())) > 0;) {
    out.append(part, n);
    if (out.size() > most) throw Error(Exit::kUsage, "The file '" + path + "' is too large for what it should be");
  }
  if (std::ferror(file.get()) != 0) fail(std::strerror(errno));
  return out;
}

void write_file(const std::string& path, std::string_view content) {
  // A device or a pipe cannot be replaced.
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) cannot_write(path, errno);
    const bool written = write_all(descriptor, content) || errno == EINVAL;  // no disk behind it to wait for
    const int error = errno;
    ::close(descriptor);
    if (!written) cannot_write(path, error);
    return;
  }
  std::string temporary = path + ".XXXXXX";
  const int descriptor = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (descriptor < 0) cannot_write(path, errno);
  const bool written = write_all(descriptor, content) && ::fchmod(descriptor, usual_mode()) == 0;
  int error = errno;
  ::close(descriptor);
  if (written && ::rename(temporary.c_str(), path.c_str()) == 0) return;
  if (written) error = errno;
  ::unlink(temporary.c_str());
  cannot_write(path, error);
}

}  // namespace fm
