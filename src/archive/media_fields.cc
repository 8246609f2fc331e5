#include "archive/media_fields.h"

#include <algorithm>
#include <set>
#include <string_view>

namespace fm::archive {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

struct TypeWithPath {
  std::string_view type;
  const char* attribute;
};

constexpr TypeWithPath kTypes[] = {
    {"fiftyone.core.labels.Detection", "mask_path"},
    {"fiftyone.core.labels.Segmentation", "mask_path"},
    {"fiftyone.core.labels.Heatmap", "map_path"},
    {"fiftyone.utils.utils3d.OrthographicProjectionMetadata", "filepath"},
    {"fiftyone.utils.rerun.RrdFile", "filepath"},
};
// Its elements need not be described in `fields`, in datasets of old versions.
constexpr std::string_view kDetections = "fiftyone.core.labels.Detections";

const std::string* text(const Document& field, const char* key) {
  const auto* value = field.find(key);
  return value ? value->as<std::string>() : nullptr;
}

class Collector {
 public:
  Collector(std::set<std::string> chosen, std::string prefix)
      : chosen_(std::move(chosen)), prefix_(std::move(prefix)) {}

  void fields(const Value* list, const std::string& parent, const std::vector<std::string>& keys) {
    const auto* array = list ? list->as<Array>() : nullptr;
    if (!array) return;
    for (const auto& item : *array) {
      if (const auto* field = item.as<Document>()) one(*field, parent, keys);
    }
  }
  std::vector<MediaField> take() { return std::move(out_); }

 private:
  void one(const Document& field, const std::string& parent, std::vector<std::string> keys) {
    const auto* name = text(field, "name");
    if (!name) return;
    const auto* db_field = text(field, "db_field");
    const auto path = parent.empty() ? *name : parent + "." + *name;
    keys.push_back(db_field ? *db_field : *name);
    const auto* type = text(field, "embedded_doc_type");
    if (chosen_.contains(path)) {
      add(path, keys, "");
    } else if (type) {
      for (const auto& known : kTypes) {
        if (*type == known.type) add(path, keys, known.attribute);
      }
      if (*type == kDetections) {
        auto inner = keys;
        inner.emplace_back("detections");
        add(path + ".detections", inner, "mask_path");
      }
    }
    fields(field.find("fields"), path, keys);
  }
  void add(const std::string& path, const std::vector<std::string>& keys, const char* attribute) {
    if (path == "filepath") return;
    const auto name = prefix_ + path;
    const bool known = std::any_of(out_.begin(), out_.end(), [&](const MediaField& f) { return f.name == name; });
    if (!known) out_.push_back({name, keys, attribute});
  }

  std::set<std::string> chosen_;
  std::string prefix_;
  std::vector<MediaField> out_;
};

void walk(Value& value, const MediaField& field, std::size_t depth, const std::function<void(std::string&)>& edit) {
  if (auto* list = value.as<Array>()) {
    for (auto& item : *list) walk(item, field, depth, edit);
    return;
  }
  const auto parts = field.keys.size() + (field.attribute.empty() ? 0 : 1);
  if (depth == parts) {
    if (auto* path = value.as<std::string>()) edit(*path);
    return;
  }
  auto* document = value.as<Document>();
  if (!document) return;
  auto* next = document->find(depth < field.keys.size() ? field.keys[depth] : field.attribute);
  if (next) walk(*next, field, depth + 1, edit);
}

std::set<std::string> chosen_by_app(const Document& dataset) {
  const auto names = bson::strings_at(dataset, "app_config.media_fields");
  return {names.begin(), names.end()};
}

}  // namespace

std::vector<MediaField> media_fields(const Document& dataset) {
  Collector collector(chosen_by_app(dataset), "");
  collector.fields(dataset.find("sample_fields"), "", {});
  return collector.take();
}

std::vector<MediaField> frame_media_fields(const Document& dataset) {
  Collector collector({}, "frames.");
  collector.fields(dataset.find("frame_fields"), "", {});
  return collector.take();
}

void for_each_path(Document& document, const MediaField& field, const std::function<void(std::string&)>& edit) {
  auto* first = document.find(field.keys.front());
  if (first) walk(*first, field, 1, edit);
}

}  // namespace fm::archive
