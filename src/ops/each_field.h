// each_field: {in: [sample_fields, frame_fields], recursive: false, where: {...}, do: [steps]}
// Runs steps on every field document of the schemas; `recursive` also on the
// nested ones, parents first. `fields: null` counts as empty. Down: each_field,
// with the steps reversed.
#pragma once

#include "ops/arguments.h"
#include "ops/context.h"
#include "ops/lowered.h"
#include "ops/predicate.h"

namespace fm::ops {

struct EachField {
  static constexpr const char* kName = "each_field";
  std::vector<bson::Path> in;
  bool recursive = false;
  Predicate where;
  Steps steps;

  static EachField parse(Arguments& arguments);
  void apply(bson::Document& doc, Context& context) const;
  std::optional<Lowered> lower(const Bindings&) const;
  std::optional<Steps> inverse() const;
  std::string describe() const;
  std::vector<std::string> loses() const;

 private:
  void visit(bson::Value& list, Context& context) const;
};

}  // namespace fm::ops
