// What the server says when it refuses a command for want of a right.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fm {

struct Denied {
  std::string database;
  std::string command;               // "find", "dropIndexes", ...
  std::string collection;            // empty for a command of the whole database
  std::vector<std::string> actions;  // rights that the command asks for; one of them is missing

  // "the right find on fiftyone.datasets", "one of the rights update, insert on ...".
  std::string missing() const;
};

// Reads `not authorized on DB to execute command { find: "datasets", ...`; nothing
// for other texts. What the command carries is not kept.
std::optional<Denied> read_denied(std::string_view message);

}  // namespace fm
