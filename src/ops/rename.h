// rename: {from, to, in_place: false}
// Moves a value. A target that exists keeps its place and takes the value, else
// it goes to the end of its document. Without a source, or when the target's
// parent is no document, nothing happens. `in_place` keeps the key's position and
// does nothing where the target exists; both are keys of one document, and there
// is no server-side form. Down: the reverse.
#pragma once

#include "ops/arguments.h"
#include "ops/context.h"
#include "ops/lowered.h"

namespace fm::ops {

struct Rename {
  static constexpr const char* kName = "rename";
  bson::Path from;
  bson::Path to;
  bool in_place = false;

  static Rename parse(Arguments& arguments);
  void apply(bson::Document& doc, Context& context) const;
  std::optional<Lowered> lower(const Bindings& bindings) const;
  std::optional<Steps> inverse() const;
  std::string describe() const;
  std::vector<std::string> loses() const { return {}; }
};

}  // namespace fm::ops
