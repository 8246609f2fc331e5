// map_value: {path, into: path, table: {key: value}, otherwise: value, when: absent, entries: false}
// Looks a string up in a table and stores what it finds. `into` defaults to
// `path`; values without an entry give `otherwise`, or are left alone without
// one. `when: absent` keeps a value that is already there. With `entries` the
// path is a mapping whose values are looked up, and nothing goes back.
#pragma once

#include "ops/arguments.h"
#include "ops/context.h"
#include "ops/lowered.h"

namespace fm::ops {

struct MapValue {
  static constexpr const char* kName = "map_value";
  bson::Path path;
  bson::Path into;
  bson::Document table;
  std::optional<bson::Value> otherwise;
  bool when_absent = false;
  bool entries = false;

  void apply_to_entries(bson::Document& doc, Context& context) const;
  static MapValue parse(Arguments& arguments);
  void apply(bson::Document& doc, Context& context) const;
  std::optional<Lowered> lower(const Bindings& bindings) const;
  std::optional<Steps> inverse() const;
  std::string describe() const;
  std::vector<std::string> loses() const;
};

}  // namespace fm::ops
