// The manual page, made of what --help shows.
#pragma once

#include <string>

#include "cli/command_tree.h"

namespace fm::cli {

// Section 1, in the man macros.
std::string manual_page(const CommandNode& program);

}  // namespace fm::cli
