// Small files, whole. Every failure names the path.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace fm::archive {

// A file that did not open, by the number of the error: kPrecondition where
// this user may not read it, else kMismatch.
Error unreadable(const std::string& path, int number);

// Throw Error(kPrecondition) where this user may not look.
bool is_file(const std::string& path);
bool is_folder(const std::string& path);
std::int64_t file_size(const std::string& path);

// Throws Error(kMismatch) when there is none.
std::string read_whole(const std::string& path);
// In pieces of a megabyte.
void read_pieces(const std::string& path, const std::function<void(std::string_view)>& visit);

}  // namespace fm::archive
