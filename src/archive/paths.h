// Paths of media, as datasets and archives hold them: text with '/'.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace fm::archive {

// Begins with '/' or names its scheme ("s3://bucket/x"): an archive's folder is
// not put in front of it.
bool is_absolute(std::string_view path);
bool has_scheme(std::string_view path);

// `folder/path`, unless the path is absolute.
std::string join(const std::string& folder, const std::string& path);
// The same without "." and "..", "a//b" and a '/' at the end.
std::string join_normal(const std::string& folder, const std::string& path);
// Absolute and normal, from the current folder. Throws Error(kUsage) for none.
std::string absolute(const std::string& path);

// The path below `folder` (absolute, normal), if it is there.
std::optional<std::string> below(const std::string& path, const std::string& folder);

// Whether a relative path stays within its folder and names something there.
bool stays_within(std::string_view path);

}  // namespace fm::archive
