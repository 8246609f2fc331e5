// rename: {from, to}
// Moves a value. A target that exists keeps its place and takes the value, else
// it goes to the end of its document. Without a source, or when the target's
// parent is no document, nothing happens. Down: the reverse.
#pragma once

#include "ops/arguments.h"
#include "ops/context.h"
#include "ops/lowered.h"

namespace fm::ops {

struct Rename {
  static constexpr const char* kName = "rename";
  bson::Path from;
  bson::Path to;

  static Rename parse(Arguments& arguments);
  void apply(bson::Document& doc, Context& context) const;
  std::optional<Lowered> lower(const Bindings& bindings) const;
  std::optional<Steps> inverse() const;
  std::string describe() const;
  std::vector<std::string> loses() const { return {}; }
};

}  // namespace fm::ops
