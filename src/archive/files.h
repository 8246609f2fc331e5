// Small files, whole. Every failure names the path.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace fm::archive {

bool is_file(const std::string& path);
bool is_folder(const std::string& path);
std::int64_t file_size(const std::string& path);

// Throws Error(kMismatch) when there is none.
std::string read_whole(const std::string& path);
// In pieces of a megabyte.
void read_pieces(const std::string& path, const std::function<void(std::string_view)>& visit);

}  // namespace fm::archive
