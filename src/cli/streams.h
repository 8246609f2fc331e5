// stdout as scripts use it.
#pragma once

namespace fm::cli {

// A reader that goes away, as in `... | head`, must not end a migration.
void outlive_readers();

// Throws Error(kFailed) when what was printed could not be written, unless its
// reader has gone.
void flush_stdout();

}  // namespace fm::cli
