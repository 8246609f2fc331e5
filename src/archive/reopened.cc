#include "archive/reopened.h"

#include <array>

#include "bson/read.h"

namespace fm::archive {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

struct DefaultField {
  const char* name;
  const char* type;
  const char* db_field;
  bool read_only;
};

constexpr std::array<DefaultField, 6> kFrameFields = {{
    {"id", "ObjectIdField", "_id", false},
    {"frame_number", "FrameNumberField", "frame_number", false},
    {"created_at", "DateTimeField", "created_at", true},
    {"last_modified_at", "DateTimeField", "last_modified_at", true},
    {"_sample_id", "ObjectIdField", "_sample_id", false},
    {"_dataset_id", "ObjectIdField", "_dataset_id", false},
}};

Document described(const DefaultField& field, bson::Date now) {
  return {{"name", field.name},
          {"ftype", std::string("fiftyone.core.fields.") + field.type},
          {"embedded_doc_type", Value()},
          {"subfield", Value()},
          {"fields", Array()},
          {"db_field", field.db_field},
          {"description", Value()},
          {"info", Value()},
          {"read_only", field.read_only},
          {"created_at", now}};
}

void reopen(Document& field) {
  field.take("_cls");
  if (!field.has("read_only")) field.append("read_only", false);
  auto* inner = field.find("fields");
  if (auto* fields = inner ? inner->as<Array>() : nullptr) {
    for (auto& item : *fields) {
      if (auto* nested = item.as<Document>()) reopen(*nested);
    }
  }
}

Document in_order_of_runs(Document run) {
  Document out;
  run.take("_cls");
  for (const char* key : {"_id", "_dataset_id", "key", "version", "timestamp", "config", "view_stages"}) {
    if (auto value = run.take(key)) out.append(key, std::move(*value));
  }
  auto meta = run.take("results_meta");
  auto results = run.take("results");
  for (auto& [key, value] : run) out.append(key, std::move(value));
  out.append("results_meta", meta && meta->as<Document>() ? std::move(*meta) : Value(Document()));
  if (results && !results->is_null()) out.append("results", std::move(*results));
  return out;
}

}  // namespace

void reopen_fields(Contents& contents, std::int64_t now_ms) {
  auto& dataset = contents.dataset;
  auto* sample_fields = dataset.find("sample_fields");
  if (auto* list = sample_fields ? sample_fields->as<Array>() : nullptr) {
    for (auto& item : *list) {
      auto* field = item.as<Document>();
      if (field && bson::text_at(*field, "name") == "metadata") reopen(*field);
    }
  }
  if (!contents.has_video()) return;
  auto* frame_fields = dataset.find("frame_fields");
  const auto* old = frame_fields ? frame_fields->as<Array>() : nullptr;
  Array fields;
  for (const auto& field : kFrameFields) fields.append(described(field, bson::Date{now_ms}));
  for (std::size_t i = 0; old && i < old->size(); ++i) {
    const auto* field = (*old)[i].as<Document>();
    if (!field) continue;
    const auto name = bson::text_at(*field, "name");
    bool is_default = false;
    for (const auto& known : kFrameFields) is_default = is_default || name == known.name;
    if (is_default) continue;
    auto copy = *field;
    reopen(copy);
    fields.append(std::move(copy));
  }
  dataset.set("frame_fields", std::move(fields));
}

void reopen_documents(Contents& contents) {
  for (auto& run : contents.documents["runs"]) run = in_order_of_runs(std::move(run));
  for (auto& view : contents.documents["views"]) {
    if (!view.has("last_loaded_at")) view.append("last_loaded_at", Value());
  }
}

}  // namespace fm::archive
