#include "ops/set.h"

#include "ops/operation.h"
#include "ops/server_form.h"

namespace fm::ops {

using bson::Array;
using bson::Document;

Set Set::parse(Arguments& arguments) { return {arguments.path("path"), arguments.value("value")}; }

void Set::apply(Document& doc, Context& context) const { put(doc, path, value, context); }

std::optional<Lowered> Set::lower(const Bindings&) const {
  if (!has_server_form(path) || !comparable(value)) return std::nullopt;
  return Lowered{Array{set_stage(path, literal(value))}, differs(path, value), {path.top()}};
}

std::optional<Steps> Set::inverse() const { return std::nullopt; }

std::string Set::describe() const { return "set " + path.str() + " to " + shown(value); }

}  // namespace fm::ops
