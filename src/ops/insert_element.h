// insert_element: {into, value, index: N | after: NAME}
// Adds an object to a list unless one with the same `name` is in it: at an
// index (at most the end), behind the element with a name, else at the end.
// Down: remove_element.
#pragma once

#include "ops/arguments.h"
#include "ops/context.h"
#include "ops/lowered.h"

namespace fm::ops {

struct InsertElement {
  static constexpr const char* kName = "insert_element";
  bson::Path into;
  bson::Document value;
  std::string name;
  std::optional<std::size_t> index;
  std::optional<std::string> after;  // without such an element nothing is inserted

  static InsertElement parse(Arguments& arguments);
  void apply(bson::Document& doc, Context& context) const;
  std::optional<Lowered> lower(const Bindings&) const;
  std::optional<Steps> inverse() const;
  std::string describe() const;
  std::vector<std::string> loses() const { return {}; }
};

// Index of the last object in the list with that name, or size().
std::size_t last_named(const bson::Array& list, std::string_view name);

}  // namespace fm::ops
