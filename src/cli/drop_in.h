// `fiftyone migrate`: the original's command, with its texts and layouts (spec
// runner 4) and the two deliberate changes of docs/differences.md: exit 3 when
// a dataset failed, and a read-only --info.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "config/settings.h"

namespace fm::cli {

struct DropInOptions {
  bool info = false;
  bool all = false;
  std::optional<std::string> version;
  std::vector<std::string> names;
  std::optional<int> error_level;  // else the setting, else 1
  bool verbose = false;
  bool dry_run = false;
  bool json = false;
  std::string command_line;  // as typed, without secrets
};

// The exit status: 0 or 3. What ends the command is thrown.
int run_drop_in(const DropInOptions& options, const Settings& settings);

// The last lines on stderr, ending in what the original's traceback ends in:
// "<Type>: <text>".
void print_drop_in_error(const Error& error);

// The statuses of the original: 0, 1, 2, 3, 11, 130, 143.
int drop_in_status(Exit code);

}  // namespace fm::cli
