// remove_documents: {}
// Removes the documents of a service's collection that match the step's
// `filter`: records that an older model has no place for. They are kept whole in
// the residue. No way back of its own.
#pragma once

#include "ops/arguments.h"
#include "ops/context.h"
#include "ops/lowered.h"

namespace fm::ops {

struct RemoveDocuments {
  static constexpr const char* kName = "remove_documents";

  static RemoveDocuments parse(Arguments&) { return {}; }
  void apply(bson::Document&, Context&) const {}
  std::optional<Lowered> lower(const Bindings&) const { return std::nullopt; }
  std::optional<Steps> inverse() const;
  std::string describe() const { return "remove documents"; }
  std::vector<std::string> loses() const { return {"documents"}; }
};

}  // namespace fm::ops
