// Which clients of FiftyOne open a database.
#pragma once

#include <string>

#include "revisions/catalogue.h"

namespace fm {

// The open-source versions that open a database at that version as it is:
// "1.4.0 and later, below 2". Every version opens a database at its own version.
std::string clients_that_open(const Catalogue& catalogue, const std::string& database_version);

}  // namespace fm
