// set_default: {path, value, or_null: false}
// Sets a value where there is none (or_null: or only null). Down: unset.
#pragma once

#include "ops/arguments.h"
#include "ops/context.h"
#include "ops/lowered.h"

namespace fm::ops {

struct SetDefault {
  static constexpr const char* kName = "set_default";
  bson::Path path;
  bson::Value value;
  bool or_null = false;

  static SetDefault parse(Arguments& arguments);
  void apply(bson::Document& doc, Context& context) const;
  std::optional<Lowered> lower(const Bindings& bindings) const;
  std::optional<Steps> inverse() const;
  std::string describe() const;
  std::vector<std::string> loses() const { return {}; }
};

}  // namespace fm::ops
