// What two documents have different, by path.
#pragma once

#include <string>
#include <vector>

#include "bson/document.h"

namespace fm::bson {

struct Difference {
  std::string path;               // elements of lists go by their `name` where all have one
  const Value* before = nullptr;  // nullptr: added
  const Value* after = nullptr;   // nullptr: removed
};

// Of documents by key, whatever its place, the first of several alike; of lists of named objects by name;
// of other lists by index if both are as long, else the list as one. The values
// belong to the arguments, which have to outlive the result.
std::vector<Difference> differences(const Document& before, const Document& after);

}  // namespace fm::bson
