// Which collections a plan may write to.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "backup/manifest.h"
#include "bson/document.h"
#include "plan/plan.h"
#include "store/mongo.h"

namespace fm::dump {

// Names, of collections that exist and of some that do not; never too few. In
// it are always `datasets`, `config` and the bookkeeping. Reads the names of
// datasets' collections.
std::set<std::string> touched_collections(Mongo& mongo, const Plan& plan, const Heads& heads);

// The datasets that a plan moves, and where to.
Covered covered_by(const Plan& plan, const Heads& heads);

// Of a dataset: its samples and frames, also where there are none.
std::vector<std::string> own_collections(bson::View dataset);

// Whether all datasets share it; `datasets` itself is none of these.
bool is_shared(const std::string& collection);

// Bookkeeping of a moment: not worth keeping, and harmful to bring back.
bool is_transient(const std::string& collection);

}  // namespace fm::dump
