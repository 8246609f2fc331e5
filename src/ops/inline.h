// inline: {fields: [...], from: COLLECTION, owner: KEY}
// The reverse of extract: replaces ids in mappings by the documents they name,
// without _id and owner, and deletes those. An id without a document is dropped
// with a warning.
#pragma once

#include "ops/arguments.h"
#include "ops/context.h"
#include "ops/lowered.h"

namespace fm::ops {

struct Inline {
  static constexpr const char* kName = "inline";
  std::vector<bson::Path> fields;
  std::string collection;
  std::string owner;

  static Inline parse(Arguments& arguments);
  void apply(bson::Document& doc, Context& context) const;
  std::optional<Lowered> lower(const Bindings&) const;
  std::optional<Steps> inverse() const;
  std::string describe() const;
  std::vector<std::string> loses() const { return {}; }
  // Ids the dataset document names now, for reading many at once.
  void references(const bson::Document& doc, std::vector<bson::Value>& ids) const;
};

}  // namespace fm::ops
