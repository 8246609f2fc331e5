// set: {path, value, lossless: false | default: VALUE}
// Sets a value, whatever was there. No way back of its own; `lossless` says that
// the revision's way back restores what this overwrites, `default` that it does
// so for this value only.
#pragma once

#include "ops/arguments.h"
#include "ops/context.h"
#include "ops/lowered.h"

namespace fm::ops {

struct Set {
  static constexpr const char* kName = "set";
  bson::Path path;
  bson::Value value;
  bool lossless = false;
  std::optional<bson::Value> restored;

  static Set parse(Arguments& arguments);
  void apply(bson::Document& doc, Context& context) const;
  std::optional<Lowered> lower(const Bindings& bindings) const;
  std::optional<Steps> inverse() const;
  std::string describe() const;
  std::vector<std::string> loses() const;
};

}  // namespace fm::ops
