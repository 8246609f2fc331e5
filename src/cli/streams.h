// stdout as scripts use it.
#pragma once

#include <string>

namespace fm::cli {

// A reader that goes away, as in `... | head`, must not end a migration.
void outlive_readers();

// Writes a result, at once. Throws Error(kFailed) when that fails, unless the
// reader has gone.
void write_result(const std::string& text);

}  // namespace fm::cli
