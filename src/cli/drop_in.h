// `fiftyone migrate`: the original's command, with its texts and layouts (spec
// runner 4) and the two deliberate changes of docs/differences.md: exit 3 when
// a dataset failed, and a read-only --info.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"

namespace fm::cli {

struct DropInOptions {
  bool info = false;
  bool all = false;
  std::optional<std::string> version;
  std::vector<std::string> names;
  int error_level = 1;
  bool verbose = false;
  bool dry_run = false;
  bool json = false;
};

// The exit status. What ends the command is thrown.
int run_drop_in(const DropInOptions& options, const Settings& settings);

}  // namespace fm::cli
