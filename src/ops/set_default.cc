#include "ops/set_default.h"

#include "ops/operation.h"
#include "ops/server_form.h"

namespace fm::ops {

using bson::Array;
using bson::Document;
using bson::Value;

SetDefault SetDefault::parse(Arguments& arguments) {
  return {arguments.path("path"), arguments.value("value"), arguments.flag("or_null")};
}

void SetDefault::apply(Document& doc, Context& context) const {
  const Value* found = path.find(doc);
  if (!found || (or_null && found->is_null())) put(doc, path, value, context);
}

std::optional<Lowered> SetDefault::lower(const Bindings&) const {
  if (!has_server_form(path)) return std::nullopt;
  const std::string field = field_path(path);
  // A query for null would match undefined, and lists that hold null.
  const bool nulls_too = or_null && !value.is_null();
  const Value wanted =
      nulls_too ? expression("$in", Array{expression("$type", field), Array{"missing", "null"}}) : is_missing(path);
  Document pending;
  if (nulls_too) {
    pending.append("$expr", wanted);
  } else {
    pending.append(path.top(), Document{{"$exists", false}});
  }
  Value result = expression("$cond", Array{wanted, literal(value), field});
  return Lowered{Array{set_stage(path, std::move(result))}, std::move(pending), {path.top()}};
}

std::optional<Steps> SetDefault::inverse() const {
  if (or_null) return std::nullopt;
  return Steps{Step{Unset{{path}, value, std::nullopt}, {}, {}, 0}};
}

std::string SetDefault::describe() const {
  return "set " + path.str() + " to " + shown(value) + (or_null ? " where missing or null" : " where missing");
}

}  // namespace fm::ops
