// collection: {drop: unreferenced, prefixes: [...], only_without_remainder: false}
// Drops collections that no dataset names as its samples or frames. Prefixes
// say which are looked at; `only_without_remainder` keeps "frames.X" while a
// collection "X" exists. Works on the list of collections, once a run.
#pragma once

#include <set>

#include "ops/arguments.h"
#include "ops/context.h"
#include "ops/lowered.h"

namespace fm::ops {

struct DropCollections {
  static constexpr const char* kName = "collection";
  std::vector<std::string> prefixes;
  bool only_without_remainder = false;

  static DropCollections parse(Arguments& arguments);
  void apply(bson::Document&, Context&) const {}
  std::optional<Lowered> lower(const Bindings&) const;
  std::optional<Steps> inverse() const;
  std::string describe() const;
  std::vector<std::string> loses() const { return {"collections no dataset names"}; }

  // Which of the collections go. `named`: every sample_collection_name,
  // frame_collection_name, and "frames." + sample_collection_name.
  std::vector<std::string> victims(const std::set<std::string>& collections, const std::set<std::string>& named) const;
};

}  // namespace fm::ops
