// The command line of `fiftyone`: what its words mean, its help and its errors.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/drop_in.h"

namespace fm::cli {

// Either a command to run, or what to print and the status to end with.
struct DropInArguments {
  std::optional<DropInOptions> migrate;
  std::string out;  // for stdout
  std::string err;  // for stderr
  int status = 0;
};

// `args` without the program's name.
DropInArguments parse_drop_in(const std::vector<std::string>& args);

}  // namespace fm::cli
