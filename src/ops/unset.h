// unset: {path: PATH | [PATHS], default: VALUE | default_from: SOURCE}
// Removes keys. A value equal to the default comes back by itself on the way up
// and is no loss; `default_from` is {key: PATH} or {concat: [...]} as in
// compute. No way back of its own.
#pragma once

#include "ops/arguments.h"
#include "ops/concat.h"
#include "ops/context.h"
#include "ops/lowered.h"

namespace fm::ops {

struct Unset {
  static constexpr const char* kName = "unset";
  std::vector<bson::Path> paths;
  std::optional<bson::Value> restored;
  std::optional<Concat> restored_from;

  static Unset parse(Arguments& arguments);
  void apply(bson::Document& doc, Context& context) const;
  std::optional<Lowered> lower(const Bindings& bindings) const;
  std::optional<Steps> inverse() const;
  std::string describe() const;
  std::vector<std::string> loses() const;
};

}  // namespace fm::ops
