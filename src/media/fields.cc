#include "media/fields.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <string_view>

#include "base/error.h"
#include "bson/read.h"
#include "media/location.h"
#include "plan/plan.h"

namespace fm::media {

using bson::Document;

namespace {

// The attribute of each type that holds a path.
const std::map<std::string, std::string, std::less<>>& attributes() {
  static const std::map<std::string, std::string, std::less<>> kAttributes = {
      {"fiftyone.core.labels.Segmentation", "mask_path"},
      {"fiftyone.core.labels.Detection", "mask_path"},
      {"fiftyone.core.labels.Detections", "detections.mask_path"},
      {"fiftyone.core.labels.Heatmap", "map_path"},
      {"fiftyone.utils.utils3d.OrthographicProjectionMetadata", "filepath"},
      {"fiftyone.utils.rerun.RrdFile", "filepath"},
  };
  return kAttributes;
}

class Schema {
 public:
  Schema(bool frames, std::vector<MediaField>& out) : frames_(frames), out_(out) {}

  void add(const std::string& name, const std::string& path) {
    MediaField field{(frames_ ? "frames." : "") + name, path, frames_};
    if (std::find(out_.begin(), out_.end(), field) == out_.end()) out_.push_back(std::move(field));
  }

  void walk(const Document& owner, const char* key, const std::string& name, const std::string& path) {
    const auto* value = owner.find(key);
    const auto* list = value ? value->as<bson::Array>() : nullptr;
    for (std::size_t i = 0; list && i < list->size(); ++i) {
      const auto* field = (*list)[i].as<Document>();
      if (field) look_at(*field, name, path);
    }
  }

  // The stored path of a field by name; the name itself where the schema does
  // not know it.
  static std::string stored(const Document& owner, const char* key, std::string_view name) {
    const auto dot = name.find('.');
    const auto head = name.substr(0, dot);
    const auto* value = owner.find(key);
    const auto* list = value ? value->as<bson::Array>() : nullptr;
    for (std::size_t i = 0; list && i < list->size(); ++i) {
      const auto* field = (*list)[i].as<Document>();
      if (!field || bson::text_at(*field, "name") != head) continue;
      const auto own = column_of(*field);
      return dot == std::string_view::npos ? own : own + "." + stored(*field, "fields", name.substr(dot + 1));
    }
    return std::string(name);
  }

 private:
  static std::string column_of(const Document& field) {
    const auto column = bson::text_at(field, "db_field");
    return column.empty() ? bson::text_at(field, "name") : column;
  }

  void look_at(const Document& field, const std::string& name, const std::string& path) {
    const auto own_name = name + bson::text_at(field, "name");
    const auto own_path = path + column_of(field);
    const auto found = attributes().find(bson::text_at(field, "embedded_doc_type"));
    if (found != attributes().end()) add(own_name + "." + found->second, own_path + "." + found->second);
    walk(field, "fields", own_name + ".", own_path + ".");
  }

  bool frames_;
  std::vector<MediaField>& out_;
};

bool means(const std::string& typed, const MediaField& field) {
  return field.name == typed || field.name.starts_with(typed + ".");
}

std::string folder_named(const std::string& text) {
  const auto normal = std::filesystem::path(text).lexically_normal();
  if (normal.is_absolute() || (!normal.empty() && *normal.begin() == "..")) {
    throw Error(Exit::kUsage, "'" + text + "' is no folder below the destination", "", "ValueError");
  }
  return normal == "." ? "" : without_slash(normal.string());
}

void add_configured(const Document& dataset, MediaDataset& out) {
  const auto* config = dataset.find("app_config");
  const auto* document = config ? config->as<Document>() : nullptr;
  const auto* list = document ? document->find("media_fields") : nullptr;
  const auto* names = list ? list->as<bson::Array>() : nullptr;
  for (std::size_t i = 0; names && i < names->size(); ++i) {
    const auto* name = (*names)[i].as<std::string>();
    if (!name || name->empty()) continue;
    const bool known =
        std::any_of(out.fields.begin(), out.fields.end(), [&](const auto& field) { return means(*name, field); });
    if (known) continue;  // "seg" beside "seg.mask_path"
    const bool frames = name->starts_with("frames.") && !out.frames.empty();
    const auto plain = frames ? name->substr(7) : *name;
    Schema(frames, out.fields).add(plain, Schema::stored(dataset, frames ? "frame_fields" : "sample_fields", plain));
  }
}

}  // namespace

MediaDataset describe_dataset(const Document& dataset) {
  MediaDataset out;
  if (const auto* id = dataset.find("_id")) out.id = *id;
  out.name = bson::text_at(dataset, "name");
  out.version = bson::text_at(dataset, "version");
  out.samples = bson::text_at(dataset, "sample_collection_name");
  out.frames = bson::text_at(dataset, "frame_collection_name");
  out.group_field = bson::text_at(dataset, "group_field");
  Schema samples(false, out.fields);
  samples.add("filepath", "filepath");
  samples.walk(dataset, "sample_fields", "", "");
  if (!out.frames.empty()) Schema(true, out.fields).walk(dataset, "frame_fields", "", "");
  add_configured(dataset, out);
  return out;
}

MediaDataset open_dataset(Mongo& mongo, const std::string& name) {
  const auto document = mongo.find_one("datasets", Document{{"name", name}});
  if (!document) {
    throw Error(Exit::kNotFound, "There is no dataset '" + name + "'",
                "`fiftyone-migrator info` lists the datasets of the database.");
  }
  auto out = describe_dataset(*document);
  if (out.version == kParkedVersion) {
    throw Error(Exit::kPrecondition, "A migration has dataset '" + name + "' half-way",
                "Run the migration again first; it finishes what was begun.");
  }
  if (out.samples.empty()) throw Error(Exit::kFailed, "Dataset '" + name + "' names no collection of samples");
  return out;
}

std::vector<MediaField> select_fields(const MediaDataset& dataset, const std::vector<std::string>& names) {
  std::vector<MediaField> out;
  for (const auto& given : names) {
    const auto equals = given.find('=');
    const auto name = given.substr(0, equals);
    bool found = false;
    for (const auto& field : dataset.fields) {
      if (name != "*" && !means(name, field)) continue;
      found = true;
      if (std::find(out.begin(), out.end(), field) != out.end()) continue;
      out.push_back(field);
      if (equals != std::string::npos) out.back().folder = folder_named(given.substr(equals + 1));
    }
    if (found) continue;
    std::string known;
    for (const auto& field : dataset.fields) known += (known.empty() ? "" : ", ") + field.name;
    throw Error(Exit::kUsage, "'" + name + "' is not a valid media field", "Those of this dataset: " + known + ".",
                "ValueError");
  }
  return out;
}

}  // namespace fm::media
