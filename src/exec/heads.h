// What versions a database is at.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "store/mongo.h"

namespace fm {

struct DatabaseHeads {
  Heads heads;                             // datasets in the server's order
  std::optional<bson::Document> config;    // the newest `config` document
  std::vector<bson::Value> stale_configs;  // _ids of the others
};

// Reads only: all datasets, or those that match `filter`. Throws Error(kFailed,
// type ConnectionError) for a third database type (spec runner 3).
DatabaseHeads read_heads(Mongo& mongo, const bson::Document& filter = {});

// Whether two readings found the same datasets at the same versions.
bool same_heads(const DatabaseHeads& a, const DatabaseHeads& b);

// Tells this database from another one of its name: the server's own identity
// of one collection. Empty where there is none.
std::string database_identity(Mongo& mongo, const std::string& collection = "datasets");

// Only the stored version of `config`; nothing when there is none.
std::optional<std::string> read_database_version(Mongo& mongo);

}  // namespace fm
