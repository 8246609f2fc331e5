// each: {in: [paths], where: {...}, do: [steps]}
// Runs steps on every object inside a mapping (its values) or a list (its
// elements). Other values are left alone. Down: each, with the steps reversed.
#pragma once

#include "ops/arguments.h"
#include "ops/context.h"
#include "ops/lowered.h"
#include "ops/predicate.h"

namespace fm::ops {

struct Each {
  static constexpr const char* kName = "each";
  std::vector<bson::Path> in;
  Predicate where;
  Steps steps;

  static Each parse(Arguments& arguments);
  void apply(bson::Document& doc, Context& context) const;
  std::optional<Lowered> lower(const Bindings&) const;
  std::optional<Steps> inverse() const;
  std::string describe() const;
  std::vector<std::string> loses() const;
};

// The steps of a `do` list.
Steps parse_steps(Arguments& arguments, const char* name);
std::string describe_steps(const Steps& steps);
std::vector<std::string> losses_below(const std::string& prefix, const Steps& steps);

}  // namespace fm::ops
