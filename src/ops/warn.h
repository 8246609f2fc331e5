// warn: {text: TEXT}
// A warning for the user where the step's `where` holds. Placeholders as in a
// guard; {key} of `each` is {@key}, and {version|????} names what stands for a
// missing value.
#pragma once

#include "ops/arguments.h"
#include "ops/context.h"
#include "ops/lowered.h"

namespace fm::ops {

struct Warn {
  static constexpr const char* kName = "warn";
  std::string text;

  static Warn parse(Arguments& arguments);
  void apply(bson::Document& doc, Context& context) const;
  std::optional<Lowered> lower(const Bindings&) const;
  std::optional<Steps> inverse() const;
  std::string describe() const { return "warn: " + text; }
  std::vector<std::string> loses() const { return {}; }
};

}  // namespace fm::ops
