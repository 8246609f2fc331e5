#include "archive/label_types.h"

#include "bson/json.h"
#include "bson/read.h"
#include "embedded/label_types.h"

namespace fm::archive {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr std::string_view kLabels = "fiftyone.core.labels.";

const Document& table() {
  static const Document document = bson::from_json(embedded::label_types().front().content);
  return document;
}

Document completed(const Document& slim);

Array completed(const Value* list) {
  Array out;
  const auto* fields = list ? list->as<Array>() : nullptr;
  for (std::size_t i = 0; fields && i < fields->size(); ++i) out.append(completed(*(*fields)[i].as<Document>()));
  return out;
}

Document completed(const Document& slim) {
  const auto value = [&](const char* key) {
    const auto* found = slim.find(key);
    return found ? *found : Value();
  };
  return {{"name", value("name")},
          {"ftype", value("ftype")},
          {"embedded_doc_type", value("embedded_doc_type")},
          {"subfield", value("subfield")},
          {"fields", completed(slim.find("fields"))},
          {"db_field", value("db_field")},
          {"description", Value()},
          {"info", Value()},
          {"read_only", false}};
}

bool has_field(const Document& label, const char* name) {
  const auto* fields = table().find(std::string(kLabels) + bson::text_at(label, "_cls"));
  const auto* list = fields ? fields->as<Array>() : nullptr;
  for (std::size_t i = 0; list && i < list->size(); ++i) {
    if (bson::text_at(*(*list)[i].as<Document>(), "name") == name) return true;
  }
  return false;
}

}  // namespace

Array nested_fields(std::string_view type) { return completed(table().find(type)); }

Document described_field(const std::string& name, const std::string& type) {
  const auto open = type.find('(');
  const auto ftype = type.substr(0, open);
  std::string inner;
  if (open != std::string::npos) inner = type.substr(open + 1, type.rfind(')') - open - 1);
  const bool embedded = ftype.ends_with("EmbeddedDocumentField");
  const std::string db_field = name == "id" ? "_id" : name;
  return {{"name", name},
          {"ftype", ftype},
          {"embedded_doc_type", embedded ? Value(inner) : Value()},
          {"subfield", embedded || inner.empty() ? Value() : Value(inner.substr(0, inner.find('(')))},
          {"fields", embedded ? nested_fields(inner) : Array()},
          {"db_field", db_field},
          {"description", Value()},
          {"info", Value()},
          {"read_only", name == "created_at" || name == "last_modified_at"}};
}

void renew_labels(Value& value) {
  if (auto* list = value.as<Array>()) {
    for (auto& item : *list) renew_labels(item);
    return;
  }
  auto* document = value.as<Document>();
  if (!document) return;
  for (auto& element : *document) renew_labels(element.value);
  const auto cls = document->index_of("_cls");
  if (cls == document->size()) return;
  auto at = cls + 1;
  if (has_field(*document, "attributes")) {
    if (!document->has("attributes")) document->insert(at, "attributes", Document());
    at = document->index_of("attributes") + 1;
  }
  if (has_field(*document, "tags") && !document->has("tags")) document->insert(at, "tags", Array());
}

}  // namespace fm::archive
