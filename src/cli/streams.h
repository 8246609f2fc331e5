// stdout as scripts use it.
#pragma once

#include <string>

namespace fm::cli {

// Before anything else in a program. A reader that goes away, as in `... | head`,
// must not end a migration; and what is printed to a stream that was closed
// (`>&-`) must not end up in the file or connection that would get its number.
void outlive_readers();

// Writes a result, at once. Throws Error(kFailed) when that fails, unless the
// reader has gone.
void write_result(const std::string& text);

}  // namespace fm::cli
