#pragma once

#include <string>
#include <string_view>

namespace fm::media {

// By the ending of the name; "application/octet-stream" for others.
std::string content_type_of(std::string_view path);

}  // namespace fm::media
