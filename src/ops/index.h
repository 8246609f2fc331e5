// index: {keys: {KEY: 1, OTHER: -1}, unique: false, name: TEXT, drop: false}
// Makes an index on the step's collection, or drops it. Only for collections of
// services: the executor does it (exec/service_indexes.h). An index with the
// same keys that is there already is left alone, and only an index that was made
// here is dropped. Down: the opposite.
//
// A plain index has the name that clients give it by default, so that a service
// that wants the same one finds it. A unique one covers the documents that have
// its first key and has a name of its own: the server then lets a service make
// one over all documents beside it.
#pragma once

#include "ops/arguments.h"
#include "ops/context.h"
#include "ops/lowered.h"

namespace fm::ops {

struct Index {
  static constexpr const char* kName = "index";
  bson::Document keys;
  bool unique = false;
  bool drop = false;
  std::string given_name;  // "": by the rule above

  static Index parse(Arguments& arguments);
  void apply(bson::Document&, Context&) const {}
  std::optional<Lowered> lower(const Bindings&) const { return std::nullopt; }
  std::optional<Steps> inverse() const;
  std::string describe() const;
  std::vector<std::string> loses() const { return {}; }

  // "operator_1", "orgId_1_slug_1_where_present".
  std::string name() const;
  // As createIndexes takes it.
  bson::Document definition() const;
};

}  // namespace fm::ops
