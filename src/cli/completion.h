// Scripts that make shells complete the words of a program.
#pragma once

#include <string>

#include "cli/command_tree.h"

namespace fm::cli {

std::string bash_completion(const CommandNode& program);
std::string zsh_completion(const CommandNode& program);
std::string fish_completion(const CommandNode& program);

}  // namespace fm::cli
