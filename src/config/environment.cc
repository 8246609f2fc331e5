#include "config/environment.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

namespace fm {

namespace {

// One entry of the user database; `query` fills it as getpwnam_r and getpwuid_r do.
template <class Query>
std::optional<std::string> home_of(const Query& query) {
  std::vector<char> buffer(16384);
  passwd entry{};
  passwd* found = nullptr;
  if (query(&entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return std::nullopt;
  return std::string(found->pw_dir);
}

std::string without_trailing_slashes(std::string path) {
  while (!path.empty() && path.back() == '/') path.pop_back();
  return path;
}

}  // namespace

Environment::Environment(std::map<std::string, std::string> variables)
    : lookup_([variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
        const auto it = variables.find(name);
        if (it == variables.end()) return std::nullopt;
        return it->second;
      }) {}

Environment Environment::process() {
  return Environment(Lookup([](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  }));
}

std::optional<std::string> Environment::get(const std::string& name) const { return lookup_(name); }

std::optional<std::string> Environment::filled(const std::string& name) const {
  auto value = lookup_(name);
  if (value && value->empty()) return std::nullopt;
  return value;
}

std::string Environment::home() const {
  auto home = filled("HOME");
  if (!home) {
    home = home_of([](passwd* entry, char* buffer, std::size_t size, passwd** found) {
      return getpwuid_r(getuid(), entry, buffer, size, found);
    });
  }
  return without_trailing_slashes(home.value_or(""));
}

std::string Environment::expand_user(const std::string& path) const {
  if (path.empty() || path.front() != '~') return path;
  const auto slash = std::min(path.find('/'), path.size());
  const std::string rest = path.substr(slash);
  std::string expanded;
  if (slash == 1) {
    expanded = home() + rest;
  } else {
    const std::string user = path.substr(1, slash - 1);
    const auto theirs = home_of([&user](passwd* entry, char* buffer, std::size_t size, passwd** found) {
      return getpwnam_r(user.c_str(), entry, buffer, size, found);
    });
    if (!theirs) return path;
    expanded = without_trailing_slashes(*theirs) + rest;
  }
  return expanded.empty() ? "/" : expanded;
}

}  // namespace fm
