#include "archive/paths.h"

#include <cctype>
#include <filesystem>

#include "base/error.h"

namespace fm::archive {

namespace fs = std::filesystem;

bool has_scheme(std::string_view path) {
  const auto colon = path.find("://");
  if (colon == std::string_view::npos || colon == 0) return false;
  for (std::size_t i = 0; i < colon; ++i) {
    const auto c = static_cast<unsigned char>(path[i]);
    if (std::isalpha(c) || (i > 0 && (std::isdigit(c) || c == '+' || c == '-' || c == '.'))) continue;
    return false;
  }
  return true;
}

bool is_absolute(std::string_view path) { return path.starts_with('/') || has_scheme(path); }

std::string join(const std::string& folder, const std::string& path) {
  if (is_absolute(path) || folder.empty()) return path;
  return folder.ends_with('/') ? folder + path : folder + "/" + path;
}

namespace {

std::string normal(const std::string& path) {
  auto out = fs::path(path).lexically_normal().string();
  if (out.size() > 1 && out.ends_with('/')) out.pop_back();
  return out;
}

}  // namespace

std::string join_normal(const std::string& folder, const std::string& path) {
  if (is_absolute(path)) return path;
  // A folder of an object store: "//" of its scheme stays.
  if (has_scheme(folder)) {
    const auto host = folder.find("://") + 3;
    return folder.substr(0, host) + normal(join(folder.substr(host), path));
  }
  return normal(join(folder, path));
}

std::string absolute(const std::string& path) {
  if (has_scheme(path)) return path;
  if (path.empty()) throw Error(Exit::kUsage, "The name of a folder is empty", "Name a folder.");
  return normal(fs::absolute(path).string());
}

std::optional<std::string> below(const std::string& path, const std::string& folder) {
  const auto prefix = folder.ends_with('/') ? folder : folder + "/";
  if (!path.starts_with(prefix) || path.size() == prefix.size()) return std::nullopt;
  return path.substr(prefix.size());
}

bool stays_within(std::string_view path) {
  if (path.empty() || is_absolute(path) || path.find('\0') != std::string_view::npos) return false;
  const auto plain = fs::path(path).lexically_normal();
  const auto first = plain.begin();
  return first != plain.end() && *first != ".." && plain != ".";
}

}  // namespace fm::archive
