// What a URI says about databases.
#pragma once

#include <string>

namespace fm {

// The database in the path of a URI: where its user is known, or the one that a
// client begins with. Empty where there is none, and for what is no URI.
std::string named_database(const std::string& uri);

}  // namespace fm
