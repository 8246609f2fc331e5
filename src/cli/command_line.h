// The command as it was typed.
#pragma once

#include <string>

namespace fm::cli {

// Words that the shell would take apart are quoted; passwords in URIs and the
// values of settings that are secrets read "***".
std::string command_line(int argc, char** argv);

}  // namespace fm::cli
