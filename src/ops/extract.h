// extract: {fields: [...], into: COLLECTION, owner: KEY}
// Moves the objects inside mappings of the dataset document into a collection
// of their own, as {_id, ..., owner: dataset _id}, and leaves their ids. Values
// that are no objects have been moved already. Down: inline.
#pragma once

#include "ops/arguments.h"
#include "ops/context.h"
#include "ops/lowered.h"

namespace fm::ops {

struct Extract {
  static constexpr const char* kName = "extract";
  std::vector<bson::Path> fields;
  std::string collection;
  std::string owner;

  static Extract parse(Arguments& arguments);
  void apply(bson::Document& doc, Context& context) const;
  std::optional<Lowered> lower(const Bindings&) const;
  std::optional<Steps> inverse() const;
  std::string describe() const;
  std::vector<std::string> loses() const { return {}; }
};

}  // namespace fm::ops
