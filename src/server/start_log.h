// What a server that did not start wrote about the reason.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fm::server {

struct StartLog {
  std::string reason;              // the line that says it best; "" when there is none
  std::vector<std::string> lines;  // the last ones of interest, readable
  bool directory_in_use = false;   // another server has the lock of the directory
  bool other_version = false;      // the data files are of another server version
};

// `text` is what one start wrote: JSON lines of the log and plain lines of the
// program loader. Warnings, errors and fatal lines are of interest; when there
// are none, the last lines are. Never throws for what it cannot read.
StartLog read_start_log(std::string_view text);

}  // namespace fm::server
