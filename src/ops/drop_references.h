// drop_references: {field, collection}
// Removes a list (or mapping) of ids and deletes the documents they name.
#pragma once

#include "ops/arguments.h"
#include "ops/context.h"
#include "ops/lowered.h"

namespace fm::ops {

struct DropReferences {
  static constexpr const char* kName = "drop_references";
  bson::Path field;
  std::string collection;

  static DropReferences parse(Arguments& arguments);
  void apply(bson::Document& doc, Context& context) const;
  std::optional<Lowered> lower(const Bindings&) const;
  std::optional<Steps> inverse() const;
  std::string describe() const;
  std::vector<std::string> loses() const { return {field.str(), "documents of " + collection}; }
  void references(const bson::Document& doc, std::vector<bson::Value>& ids) const;
};

}  // namespace fm::ops
