// remove_element: {from, name: NAME | [NAMES], last: false, default: {...}, lossless: false}
// Removes the objects with these names from a list (`last`: only the last such
// object). One equal to `default` comes back by itself and is no loss; with
// `lossless` all do.
#pragma once

#include "ops/arguments.h"
#include "ops/context.h"
#include "ops/lowered.h"

namespace fm::ops {

struct RemoveElement {
  static constexpr const char* kName = "remove_element";
  bson::Path from;
  std::vector<std::string> names;
  bool last = false;
  std::optional<bson::Value> restored;
  bool lossless = false;

  static RemoveElement parse(Arguments& arguments);
  void apply(bson::Document& doc, Context& context) const;
  std::optional<Lowered> lower(const Bindings&) const;
  std::optional<Steps> inverse() const;
  std::string describe() const;
  std::vector<std::string> loses() const;
};

}  // namespace fm::ops
