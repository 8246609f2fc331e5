// Questions, on a terminal only.
#pragma once

#include <string>

namespace fm::cli {

// Whether somebody is there to answer: stdin and stderr are a terminal.
bool can_ask();

// Asks on stderr; anything but yes is no, the end of the input too.
bool ask(const std::string& question);

}  // namespace fm::cli
