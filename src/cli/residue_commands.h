// The subcommands of `residue` that have a file of their own.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/program.h"

namespace fm::cli {

void setup_residue_apply(Program& program, CLI::App& residue);

}  // namespace fm::cli
