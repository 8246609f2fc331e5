// The version that the content of a dataset proves, for one whose `version` says
// something else, or nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "exec/requirements.h"
#include "exec/verify_data.h"
#include "ops/context.h"

namespace fm {

// All versions that the document fits must lie in one stretch, and its
// revisions, run in full, must change nothing of it, its runs, or any of its
// samples and frames: then it makes no difference which of them is stored. The
// database's own version is taken where it is one of them, else the newest.
// Nothing where the content does not prove one. Reads the collections in full.
std::optional<std::string> proven_version(Mongo& mongo, const Catalogue& catalogue,
                                          const std::vector<Requirement>& requirements, const SharedData& data,
                                          const bson::Document& dataset, const std::optional<std::string>& database,
                                          const ops::References::Fetch& fetch);

// Sets it, at the place where clients have it.
void set_version(bson::Document& dataset, const std::string& version);

}  // namespace fm
