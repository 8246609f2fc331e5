#include "ops/drop_references.h"

#include "ops/operation.h"

namespace fm::ops {

using bson::Document;
using bson::Value;

DropReferences DropReferences::parse(Arguments& arguments) {
  return {arguments.path("field"), arguments.text("collection")};
}

void DropReferences::references(const Document& doc, std::vector<Value>& ids) const {
  const auto* value = field.find(doc);
  if (!value) return;
  if (const auto* list = value->as<bson::Array>()) {
    for (const auto& id : *list) ids.push_back(id);
  } else if (const auto* mapping = value->as<Document>()) {
    for (const auto& element : *mapping) ids.push_back(element.value);
  }
}

void DropReferences::apply(Document& doc, Context& context) const {
  std::vector<Value> ids;
  references(doc, ids);
  for (const auto& id : ids) {
    const auto* found = context.references.find(collection, id);
    if (!found) continue;
    context.displace("(" + collection + ")", *found, nullptr, "");
    context.references.remove(collection, id);
  }
  remove(doc, field, context);
}

std::optional<Lowered> DropReferences::lower(const Bindings&) const { return std::nullopt; }

std::optional<Steps> DropReferences::inverse() const { return std::nullopt; }

std::string DropReferences::describe() const {
  return "remove " + field.str() + " and the documents of " + collection + " it names";
}

}  // namespace fm::ops
