#include "server/process.h"

#include <sys/stat.h>

#include <charconv>
#include <fstream>
#include <iterator>

namespace fm::server {

namespace fs = std::filesystem;

namespace {

fs::path proc(pid_t pid) { return fs::path("/proc") / std::to_string(pid); }

std::string read_all(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Calls visit(path) for each open descriptor until it returns true.
template <class Visit>
bool any_descriptor(pid_t pid, const Visit& visit) {
  std::error_code gone;
  for (fs::directory_iterator it(proc(pid) / "fd", gone), end; !gone && it != end; it.increment(gone)) {
    if (visit(it->path())) return true;
  }
  return false;
}

}  // namespace

std::vector<std::string> command_line(pid_t pid) {
  std::vector<std::string> words;
  const std::string text = read_all(proc(pid) / "cmdline");
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\0', start), text.size());
    words.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return words;
}

std::optional<pid_t> parent_of(pid_t pid) {
  // "pid (name) state ppid ...", where the name may hold anything.
  const std::string text = read_all(proc(pid) / "stat");
  const std::size_t name_end = text.rfind(") ");
  if (name_end == std::string::npos) return std::nullopt;
  const char* start = text.data() + std::min(name_end + 4, text.size());
  pid_t parent = 0;
  if (std::from_chars(start, text.data() + text.size(), parent).ec != std::errc()) return std::nullopt;
  return parent;
}

std::set<std::uint64_t> socket_inodes(pid_t pid) {
  std::set<std::uint64_t> inodes;
  any_descriptor(pid, [&inodes](const fs::path& path) {
    std::error_code gone;
    const std::string target = fs::read_symlink(path, gone).string();  // "socket:[123]"
    constexpr std::string_view kPrefix = "socket:[";
    std::uint64_t inode = 0;
    if (!gone && target.starts_with(kPrefix) &&
        std::from_chars(target.data() + kPrefix.size(), target.data() + target.size(), inode).ec == std::errc()) {
      inodes.insert(inode);
    }
    return false;
  });
  return inodes;
}

std::optional<pid_t> server_of(const fs::path& database_dir) {
  const fs::path lock = database_dir / "mongod.lock";
  const std::string text = read_all(lock);  // empty after a clean shutdown
  pid_t pid = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), pid).ec != std::errc() || pid <= 0) return std::nullopt;
  struct stat wanted {};
  if (::stat(lock.c_str(), &wanted) != 0) return std::nullopt;
  const bool holds = any_descriptor(pid, [&wanted](const fs::path& path) {
    struct stat open {};
    return ::stat(path.c_str(), &open) == 0 && open.st_dev == wanted.st_dev && open.st_ino == wanted.st_ino;
  });
  if (!holds) return std::nullopt;
  return pid;
}

}  // namespace fm::server
