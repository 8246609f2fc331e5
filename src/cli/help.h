// Help that fits a screen of 80 by 24.
#pragma once

#include <CLI/CLI.hpp>

namespace fm::cli {

// Ends the description of an option that is also a variable of its name.
inline constexpr const char* kAlsoVariable = " *";

// The group of options that a full page only names.
inline constexpr const char* kAlso = "Also";

// For the program and all commands added to it later.
void use_own_help(CLI::App& app);

}  // namespace fm::cli
