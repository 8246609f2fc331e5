// What is wrong with a revision although it could be read.
#pragma once

#include <string>
#include <vector>

#include "revisions/catalogue.h"

namespace fm {

// "<file>:<line>:<column>: ..." each: a file that is not named after its
// version; a step that cannot be repeated, or removes every document; an index
// that is made and never dropped; a label that the steps down do not keep.
std::vector<std::string> faults(Service service, const Revision& revision);

}  // namespace fm
