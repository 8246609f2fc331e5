// Work on the server.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bson/document.h"

namespace fm::ops {

struct Step;
using Steps = std::vector<Step>;

// What a lowered operation may refer to.
struct Bindings {
  bson::Value dataset_id;
  std::int64_t now_ms = 0;
};

// One edit of every document of a collection.
struct Lowered {
  bson::Array pipeline;        // of an update
  bson::Document pending;      // matches exactly the documents the pipeline would change
  std::set<std::string> keys;  // that it reads or writes
};

// One way over a collection: an update, or an aggregation that ends in $merge.
struct Pass {
  std::string collection;
  bson::Document filter;   // the documents that belong to the dataset
  bson::Document pending;  // those not done yet
  bson::Array pipeline;
  std::set<std::string> keys;  // of an update: those it reads or writes
  bool merge = false;          // an aggregation; not an update
  bool whole = false;          // needs the collection at once; not by range
  bool rescan = true;          // pending documents vanish as they are done
  bool needs_id_time = false;  // fails on an _id that holds no time
  // Unique indexes with this key go before the pass.
  std::string drop_unique_indexes_on;
  // Documents that lose something, for counting before anything is written.
  std::optional<bson::Document> loss;
};

}  // namespace fm::ops
