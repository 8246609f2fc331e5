// Whether a migration should start: everything that can be seen beforehand.
#pragma once

#include <functional>
#include <vector>

#include "exec/finding.h"
#include "revisions/catalogue.h"
#include "store/mongo.h"

namespace fm {

// Looks and writes nothing. What the user may not see is a note that names the
// right. Throws Error(kUnreachable), and Error(kRights) when the login fails or
// is missing: then there is nothing to look at.
std::vector<Finding> examine(Mongo& mongo, const Catalogue& catalogue);

// The services of an Enterprise deployment beside its datasets, and the database
// of cas. `open_cas` opens that, or says with nullptr that its settings are
// missing; what it throws is a finding. Reads a few documents.
std::vector<Finding> examine_services(Mongo& main, const std::function<Mongo*()>& open_cas);

}  // namespace fm
