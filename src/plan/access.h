// Which clients of FiftyOne open a database.
#pragma once

#include <optional>
#include <string>

#include "revisions/catalogue.h"
#include "revisions/version_map.h"

namespace fm {

// The open-source versions that open a database at that version as it is:
// "1.4.0 and later, below 2". Every version opens a database at its own version.
std::string clients_that_open(const Catalogue& catalogue, const std::string& database_version);

// The same as Enterprise versions: "2.7.0 and later", "0.9.0 to 0.10.0", or "none".
std::string enterprise_clients_that_open(const VersionMap& versions, const std::string& database_version);

// The databases that a client of that open-source version opens besides those
// of its own version: ">=0.19,<2"; "" for none.
std::string opened_by(const std::string& client_version);

// Why a client that is no admin is refused by a database, in the client's own
// words; nothing when it is let in. Types are "fiftyone" and "fiftyone-teams".
// Throws Error(kIncompatible) when a version is none.
std::optional<std::string> client_refused(const std::string& client_version, const std::string& client_type,
                                          const std::string& database_version, const std::string& database_type);

}  // namespace fm
