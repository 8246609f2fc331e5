// Revisions of a deployment's own catalogue, as the bookkeeping names them: who
// goes on with a run, or takes it back, has to be given the same ones.
#pragma once

#include <string>

#include "bson/document.h"
#include "plan/plan.h"
#include "revisions/catalogue.h"

namespace fm {

// [{id, checksum}] of those that the plan runs over the database and its datasets.
bson::Array own_revisions(const Plan& plan);

// Throws Error(kPrecondition) naming those of `own`, which that run had, that are
// not in the catalogue as they were.
void require_own_revisions(const bson::Array& own, const Catalogue& catalogue, const std::string& run);

// Of all revisions of a way, whichever its direction.
std::string revisions_hash(const Route& route);

}  // namespace fm
