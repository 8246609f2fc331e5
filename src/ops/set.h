// set: {path, value}
// Sets a value, whatever was there. No way back of its own.
#pragma once

#include "ops/arguments.h"
#include "ops/context.h"
#include "ops/lowered.h"

namespace fm::ops {

struct Set {
  static constexpr const char* kName = "set";
  bson::Path path;
  bson::Value value;

  static Set parse(Arguments& arguments);
  void apply(bson::Document& doc, Context& context) const;
  std::optional<Lowered> lower(const Bindings& bindings) const;
  std::optional<Steps> inverse() const;
  std::string describe() const;
  std::vector<std::string> loses() const { return {path.str()}; }
};

}  // namespace fm::ops
