// Help that fits a screen of 80 by 24.
#pragma once

#include <CLI/CLI.hpp>

namespace fm::cli {

// For the program and all commands added to it later.
void use_own_help(CLI::App& app);

}  // namespace fm::cli
