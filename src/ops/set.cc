#include "ops/set.h"

#include "ops/operation.h"
#include "ops/server_form.h"

namespace fm::ops {

using bson::Array;
using bson::Document;

Set Set::parse(Arguments& arguments) {
  Set out{arguments.path("path"), arguments.value("value"), arguments.flag("lossless"), std::nullopt};
  if (const auto* value = arguments.optional_value("default")) out.restored = *value;
  if (out.lossless && out.restored) arguments.fail("'lossless' and 'default' exclude each other");
  return out;
}

void Set::apply(Document& doc, Context& context) const {
  const auto* found = lossless ? path.find(doc) : nullptr;
  const auto before = found ? std::optional(*found) : restored;
  put(doc, path, value, context, before ? &*before : nullptr);
}

std::optional<Lowered> Set::lower(const Bindings&) const {
  if (!has_server_form(path) || !comparable(value)) return std::nullopt;
  return Lowered{Array{set_stage(path, literal(value))}, differs(path, value), {path.top()}};
}

std::optional<Steps> Set::inverse() const { return std::nullopt; }

std::vector<std::string> Set::loses() const {
  if (lossless) return {};
  return {path.str()};
}

std::string Set::describe() const { return "set " + path.str() + " to " + shown(value); }

}  // namespace fm::ops
