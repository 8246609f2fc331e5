// Small files, whole.
#pragma once

#include <string>
#include <string_view>

namespace fm {

// Throws Error(kNotFound) when there is none, Error(kUsage) for what cannot be
// read or is larger than `most` bytes.
std::string read_file(const std::string& path, std::size_t most);

// All or nothing: other programs see the old content, or the new one, which is
// on the disk when this returns. Throws Error(kPrecondition).
void write_file(const std::string& path, std::string_view content);

}  // namespace fm
