// Why a migration is refused. Texts and exception types are the original's
// wherever it has the same refusal (spec runner 1.4, 2.1, 2.2, 4.2).
#pragma once

#include <string>

#include "base/error.h"
#include "base/version.h"
#include "revisions/catalogue.h"

namespace fm::refusals {

// Either side is newer than the client; versions are base versions.
Error newer_than_client(const Version& from, const Version& to, const Version& client);

Error database_incompatible(const std::string& head, const Catalogue& catalogue);
Error database_not_admin(const std::string& head, const std::string& target);

Error dataset_not_found(const std::string& name);
Error dataset_not_admin(const std::string& name, const std::string& head, const std::string& target);
Error database_version_unreadable(const std::string& version);
Error dataset_version_unreadable(const std::string& name, const std::string& version);
Error dataset_parked(const std::string& name);

// fiftyone-migrator itself was told not to migrate.
Error admin_is_false();
Error migrations_disabled();

}  // namespace fm::refusals
