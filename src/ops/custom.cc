#include "ops/custom.h"

#include <algorithm>

#include "ops/operation.h"

namespace fm::ops {

const std::vector<CustomFunction>& custom_functions() {
  static const std::vector<CustomFunction> kFunctions = {kDatasetName,  kSimilarityRuns, kPolylineShapes,   kFrameMap,
                                                         kFrameSummary, kPrincipal,      kDatasetReference, kShortName};
  return kFunctions;
}

Custom Custom::parse(Arguments& arguments) {
  const auto name = arguments.text("function");
  const auto& all = custom_functions();
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& f) { return name == f.name; });
  if (found == all.end()) arguments.fail("unknown function '" + name + "'");
  found->check(arguments);
  return {&*found, arguments.all()};
}

void Custom::apply(bson::Document& doc, Context& context) const {
  if (function->apply) function->apply(doc, arguments, context);
}

std::optional<Lowered> Custom::lower(const Bindings& bindings) const {
  return function->lower ? function->lower(arguments, bindings) : std::nullopt;
}

std::optional<Steps> Custom::inverse() const { return std::nullopt; }

std::string Custom::describe() const { return function->description; }

}  // namespace fm::ops
