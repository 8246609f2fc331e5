#include "ops/map_value.h"

#include <utility>

#include "ops/operation.h"
#include "ops/server_form.h"

namespace fm::ops {

using bson::Array;
using bson::Document;
using bson::Value;

MapValue MapValue::parse(Arguments& arguments) {
  MapValue out;
  out.path = arguments.path("path");
  const auto into = arguments.optional_text("into");
  out.into = into ? bson::Path(*into) : out.path;
  arguments.value("table");
  out.table = *arguments.optional_document("table");
  if (out.table.empty()) arguments.fail("'table' is empty");
  if (const auto* value = arguments.optional_value("otherwise")) out.otherwise = *value;
  if (const auto when = arguments.optional_text("when")) {
    if (*when != "absent") arguments.fail("'when' can only be 'absent'");
    out.when_absent = true;
  }
  out.entries = arguments.flag("entries");
  if (out.entries && (into || out.otherwise || out.when_absent)) {
    arguments.fail("'entries' goes with 'path' and 'table' alone");
  }
  return out;
}

void MapValue::apply_to_entries(Document& doc, Context& context) const {
  auto* container = path.find(doc);
  auto* mapping = container ? container->as<Document>() : nullptr;
  if (!mapping) return;
  Context::Scope scope(context, path.str());
  for (std::size_t i = 0; i < mapping->size(); ++i) {
    auto& [key, value] = (*mapping)[i];
    const auto* text = value.as<std::string>();
    const Value* result = text ? table.find(*text) : nullptr;
    if (!result || *result == value) continue;
    Value before = std::exchange(value, *result);
    context.displace(bson::Path::of_key(key), std::move(before), &value, i > 0 ? (*mapping)[i - 1].key : "");
  }
}

void MapValue::apply(Document& doc, Context& context) const {
  if (entries) return apply_to_entries(doc, context);
  if (when_absent && into.find(doc)) return;
  const Value* source = path.find(doc);
  const auto* key = source ? source->as<std::string>() : nullptr;
  const Value* result = key ? table.find(*key) : nullptr;
  if (!result && otherwise) result = &*otherwise;
  if (!result) return;
  const auto returns = key && inverse() ? std::optional<Value>(*source) : std::nullopt;
  put(doc, into, *result, context, returns ? &*returns : nullptr);
}

std::optional<Lowered> MapValue::lower(const Bindings&) const {
  if (entries || !has_server_form(path) || !has_server_form(into) || (otherwise && !comparable(*otherwise)))
    return std::nullopt;
  const Value is_text = expression("$eq", Array{expression("$type", field_path(path)), "string"});
  Array branches;
  for (const auto& [key, value] : table) {
    if (!comparable(value)) return std::nullopt;
    branches.append(
        Document{{"case", expression("$and", Array{is_text, expression("$eq", Array{field_path(path), literal(key)})})},
                 {"then", literal(value)}});
  }
  Value mapped =
      expression("$switch", Document{{"branches", std::move(branches)},
                                     {"default", otherwise ? literal(*otherwise) : Value(field_path(into))}});
  if (when_absent) mapped = expression("$cond", Array{is_missing(into), std::move(mapped), field_path(into)});
  const auto type = [](Value value) { return expression("$type", std::move(value)); };
  Document pending{{"$expr", expression("$or", Array{expression("$ne", Array{field_path(into), mapped}),
                                                     expression("$ne", Array{type(field_path(into)), type(mapped)})})}};
  return Lowered{Array{set_stage(into, std::move(mapped))}, std::move(pending), {path.top(), into.top()}};
}

std::optional<Steps> MapValue::inverse() const {
  if (when_absent || otherwise || entries || !(path == into)) return std::nullopt;
  MapValue back{path, into, {}, std::nullopt, false, false};
  for (const auto& [key, value] : table) {
    const auto* text = value.as<std::string>();
    if (!text || back.table.has(*text)) return std::nullopt;
    back.table.append(*text, key);
  }
  return Steps{Step{std::move(back), {}, {}, 0}};
}

std::string MapValue::describe() const {
  return "set " + into.str() + " by " + path.str() + (when_absent ? " where missing" : "") +
         (entries ? ", each entry" : "");
}

std::vector<std::string> MapValue::loses() const {
  if (when_absent || inverse()) return {};
  return {into.str()};
}

}  // namespace fm::ops
