// The database's own part of a migration: `config`, and collections that
// belong to no dataset.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "exec/heads.h"
#include "ops/drop_collections.h"
#include "plan/plan.h"
#include "store/mongo.h"

namespace fm {

// Those that a dataset names as its samples or frames.
std::set<std::string> named_collections(Mongo& mongo);

// Collections a step would drop now.
std::vector<std::string> droppable(Mongo& mongo, const ops::DropCollections& step);

// Drops them one by one, each only if it is still unreferenced.
void drop_unreferenced(Mongo& mongo, const std::vector<std::string>& collections);

// Whether a database at that version carries `type` in `config`: from 0.15.1.
bool config_has_type(const std::string& version);

// Replaces `config` by {_id, version, type} and removes older documents of it.
// Throws Error(kFailed) when another client changes the version meanwhile
// (rule C3), naming the version found. On Enterprise the version that goes is kept
// for the guesses of services first.
void write_config(Mongo& mongo, const DatabaseHeads& found, const std::string& version);

// Puts `config` back as it was before a run; empty: there was none. `found` is what
// is there. Throws as write_config() does.
void take_config_back(Mongo& mongo, const std::optional<bson::Document>& found, const bson::Document& before);

}  // namespace fm
