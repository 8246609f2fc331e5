#include "ops/unset.h"

#include "ops/operation.h"
#include "ops/server_form.h"

namespace fm::ops {

using bson::Array;
using bson::Document;

Unset Unset::parse(Arguments& arguments) {
  Unset out;
  for (const auto& path : arguments.texts("path")) out.paths.emplace_back(path);
  if (const auto* value = arguments.optional_value("default")) out.restored = *value;
  if (const auto* source = arguments.optional_value("default_from")) {
    out.restored_from = Concat::parse(*source, arguments);
    if (out.restored) arguments.fail("'default' and 'default_from' exclude each other");
  }
  return out;
}

void Unset::apply(Document& doc, Context& context) const {
  const auto value = restored_from ? restored_from->evaluate(doc) : restored;
  for (const auto& path : paths) remove(doc, path, context, value ? &*value : nullptr);
}

std::optional<Lowered> Unset::lower(const Bindings&) const {
  Array fields;
  Array present;
  std::set<std::string> keys;
  for (const auto& path : paths) {
    if (!has_server_form(path)) return std::nullopt;
    fields.append(path.top());
    keys.insert(path.top());
    present.append(Document{{path.top(), Document{{"$exists", true}}}});
  }
  return Lowered{Array{Document{{"$unset", std::move(fields)}}}, Document{{"$or", std::move(present)}},
                 std::move(keys)};
}

std::optional<Steps> Unset::inverse() const { return std::nullopt; }

std::string Unset::describe() const { return "remove " + listed(paths); }

std::vector<std::string> Unset::loses() const {
  std::vector<std::string> out;
  for (const auto& path : paths) out.push_back(path.str());
  return out;
}

}  // namespace fm::ops
