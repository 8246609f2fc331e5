// The exit codes of fiftyone-migrator, by name and in words.
#pragma once

#include <span>
#include <string>

#include "base/error.h"

namespace fm::cli {

struct ExitCode {
  Exit code;
  const char* name;     // in JSON; never changes
  const char* meaning;  // for people
};

// In ascending order; every value of Exit is in it.
std::span<const ExitCode> exit_codes();

const char* name_of(Exit code);

}  // namespace fm::cli
