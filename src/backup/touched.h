// Which collections a plan may write to.
#pragma once

#include <set>
#include <string>

#include "plan/plan.h"
#include "store/mongo.h"

namespace fm::dump {

// Names, of collections that exist and of some that do not; never too few. In
// it are always `datasets`, `config` and the bookkeeping. Reads the names of
// datasets' collections.
std::set<std::string> touched_collections(Mongo& mongo, const Plan& plan, const Heads& heads);

// Bookkeeping of a moment: not worth keeping, and harmful to bring back.
bool is_transient(const std::string& collection);

}  // namespace fm::dump
