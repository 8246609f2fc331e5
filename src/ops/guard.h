// guard: {refuse: TEXT, error: TYPE}
// Stops the dataset's migration where the step's `where` holds. All guards of
// all datasets are evaluated before the first write of a run. In the text,
// {dataset} is the dataset's name and {key} a value of the current document.
#pragma once

#include "ops/arguments.h"
#include "ops/context.h"
#include "ops/lowered.h"

namespace fm::ops {

struct Guard {
  static constexpr const char* kName = "guard";
  std::string refuse;
  std::string error;  // the type the original prints in front of the text
  std::string remedy;

  static Guard parse(Arguments& arguments);
  void apply(bson::Document& doc, Context& context) const;
  std::optional<Lowered> lower(const Bindings&) const;
  std::optional<Steps> inverse() const;
  std::string describe() const { return "refuse: " + refuse; }
  std::vector<std::string> loses() const { return {}; }
};

}  // namespace fm::ops
