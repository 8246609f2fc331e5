#include "archive/legacy.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <span>
#include <string_view>

#include "archive/collection_file.h"
#include "archive/files.h"
#include "archive/json_reader.h"
#include "archive/label_types.h"
#include "archive/paths.h"
#include "base/error.h"
#include "base/hash.h"
#include "bson/read.h"
#include "revisions/catalogue.h"

namespace fm::archive {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr const char* kDamaged = "The archive is damaged or incomplete: export it again.";

struct DefaultField {
  const char* name;
  const char* type;
};
constexpr std::array<DefaultField, 9> kSampleFields = {
    {{"id", "fiftyone.core.fields.ObjectIdField"},
     {"filepath", "fiftyone.core.fields.StringField"},
     {"tags", "fiftyone.core.fields.ListField(fiftyone.core.fields.StringField)"},
     {"metadata", ""},
     {"created_at", "fiftyone.core.fields.DateTimeField"},
     {"last_modified_at", "fiftyone.core.fields.DateTimeField"},
     {"_media_type", "fiftyone.core.fields.StringField"},
     {"_rand", "fiftyone.core.fields.FloatField"},
     {"_dataset_id", "fiftyone.core.fields.ObjectIdField"}}};
constexpr std::array<DefaultField, 6> kFrameFields = {{{"id", "fiftyone.core.fields.ObjectIdField"},
                                                       {"frame_number", "fiftyone.core.fields.FrameNumberField"},
                                                       {"created_at", "fiftyone.core.fields.DateTimeField"},
                                                       {"last_modified_at", "fiftyone.core.fields.DateTimeField"},
                                                       {"_sample_id", "fiftyone.core.fields.ObjectIdField"},
                                                       {"_dataset_id", "fiftyone.core.fields.ObjectIdField"}}};
// Keys that releases with the newer layout put into `info` for the older one.
constexpr std::array<const char*, 12> kSpread = {"tags",
                                                 "description",
                                                 "app_config",
                                                 "classes",
                                                 "default_classes",
                                                 "mask_targets",
                                                 "default_mask_targets",
                                                 "skeletons",
                                                 "default_skeleton",
                                                 "camera_intrinsics",
                                                 "static_transforms",
                                                 "group_media_types"};

std::string metadata_type(const std::string& media_type) {
  const std::string prefix = "fiftyone.core.fields.EmbeddedDocumentField(fiftyone.core.metadata.";
  if (media_type == "image") return prefix + "ImageMetadata)";
  if (media_type == "video") return prefix + "VideoMetadata)";
  return prefix + "Metadata)";
}

Array fields_of(std::span<const DefaultField> defaults, const Value* declared, const std::string& media_type,
                const std::string& file) {
  Array out;
  for (const auto& field : defaults) {
    out.append(described_field(field.name, *field.type ? std::string(field.type) : metadata_type(media_type)));
  }
  const auto* fields = declared ? declared->as<Document>() : nullptr;
  if (!fields) return out;
  for (const auto& [name, type] : *fields) {
    const bool known = std::any_of(defaults.begin(), defaults.end(),
                                   [&, &field_name = name](const auto& field) { return field.name == field_name; });
    const auto* text = type.as<std::string>();
    if (!text) throw Error(Exit::kMismatch, file + ": the field '" + name + "' has no type", kDamaged);
    if (!known) out.append(described_field(name, *text));
  }
  return out;
}

bson::Oid id_of(const char* kind, std::int64_t sample, std::int64_t frame) {
  static const ops::IdGenerator ids(0, "legacy");
  auto id = ids.make("archive", Value(sample), kind, "", static_cast<std::size_t>(frame));
  return id;
}

// As the original draws it: uniform in [0.999, 1), here by the sample's id.
double rand_of(const bson::Oid& id) {
  const auto digest = sha256({reinterpret_cast<const char*>(id.bytes), sizeof id.bytes});
  std::uint64_t bits = 0;
  std::memcpy(&bits, digest.data(), sizeof bits);
  return 0.999 + 0.001 * (static_cast<double>(bits >> 11) / 9007199254740992.0);
}

// By the ending, for groups; else it is that of the dataset.
std::string media_type_of(const std::string& path, const std::string& dataset) {
  if (dataset != "group") return dataset;
  auto ending = path.substr(std::min(path.size(), path.rfind('.')));
  std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const char* video : {".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv"}) {
    if (ending == video) return "video";
  }
  if (ending == ".pcd") return "point-cloud";
  return ending == ".fo3d" ? "3d" : "image";
}

void append_encoded(const Document& document, std::string& out) {
  const auto bytes = bson::encode(document);
  out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

class LegacyDocuments final : public DocumentSource {
 public:
  LegacyDocuments(const std::string& folder, std::string media_type, bool frames, std::int64_t bytes,
                  std::size_t workers)
      : folder_(folder),
        media_type_(std::move(media_type)),
        frames_(frames),
        texts_(text_documents(std::make_unique<CollectionFile>(folder + "/samples.json", "samples",
                                                               frames ? std::size_t{64} << 10 : std::size_t{1} << 20),
                              bytes, workers)) {}

  bool next(DocumentChunk& chunk) override { return texts_->next(chunk); }
  std::int64_t total_bytes() const override { return texts_->total_bytes(); }
  std::string where(const DocumentChunk& chunk, std::size_t index, bson::View view) const override {
    return frames_ ? chunk.text.file + ", the frames of a sample" : texts_->where(chunk, index, view);
  }

  void decode(DocumentChunk& chunk, std::size_t worker, std::string& out) override {
    std::string samples;
    texts_->decode(chunk, worker, samples);
    auto number = chunk.text.first;
    for (std::size_t at = 0; at < samples.size(); ++number) {
      std::uint32_t size = 0;
      std::memcpy(&size, samples.data() + at, sizeof size);
      const auto sample = bson::View(reinterpret_cast<const std::uint8_t*>(samples.data()) + at, size).decode();
      at += size;
      if (frames_) {
        append_frames(sample, number, out);
      } else {
        append_encoded(renewed(sample, number), out);
      }
    }
  }

 private:
  Document renewed(const Document& sample, std::int64_t number) const {
    const auto id = id_of("sample", number, 0);
    Document out{{"_id", id}};
    const auto take = [&](const char* key) {
      const auto* value = sample.find(key);
      if (value && !value->is_null()) out.append(key, *value);
      return value && !value->is_null();
    };
    take("filepath");
    if (!take("tags")) out.append("tags", Array());
    take("metadata");
    out.append("_media_type", media_type_of(bson::text_at(sample, "filepath"), media_type_));
    out.append("_rand", rand_of(id));
    for (const auto& [key, value] : sample) {
      static const std::array<std::string_view, 10> kOwn = {
          "_id",   "filepath",    "tags",       "metadata",         "_media_type",
          "_rand", "_dataset_id", "created_at", "last_modified_at", "frames"};
      if (value.is_null() || std::find(kOwn.begin(), kOwn.end(), key) != kOwn.end()) continue;
      auto copy = value;
      renew_labels(copy);
      out.append(key, std::move(copy));
    }
    return out;
  }

  void append_frames(const Document& sample, std::int64_t number, std::string& out) const {
    const auto file = bson::text_at(sample, "frames");
    if (file.empty()) return;
    if (!stays_within(file)) {
      throw Error(Exit::kMismatch, folder_ + "/samples.json: frames lie outside the archive: '" + file + "'", kDamaged);
    }
    const auto path = folder_ + "/" + file;
    auto text = read_whole(path);
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    const auto document = parse_document(text, path);
    const auto* frames = document.find("frames");
    const auto* by_number = frames ? frames->as<Document>() : nullptr;
    if (!by_number) throw Error(Exit::kMismatch, path + " holds no frames", kDamaged);
    for (const auto& [key, value] : *by_number) {
      const auto* frame = value.as<Document>();
      const auto* stored = frame ? frame->find("frame_number") : nullptr;
      const auto frame_number = stored ? stored->integer() : std::nullopt;
      if (!frame_number) throw Error(Exit::kMismatch, path + ": frame " + key + " has no frame_number", kDamaged);
      Document renewed{{"_id", id_of("frame", number, *frame_number)}, {"frame_number", *stored}};
      for (const auto& [name, content] : *frame) {
        if (content.is_null() || name == "_id" || name == "frame_number" || name == "created_at" ||
            name == "last_modified_at" || name == "_sample_id" || name == "_dataset_id") {
          continue;
        }
        auto copy = content;
        renew_labels(copy);
        renewed.append(name, std::move(copy));
      }
      renewed.append("_sample_id", id_of("sample", number, 0));
      append_encoded(renewed, out);
    }
  }

  std::string folder_;
  std::string media_type_;
  bool frames_;
  std::unique_ptr<DocumentSource> texts_;
};

}  // namespace

Contents legacy_contents(const Document& metadata, const std::string& file, const ops::IdGenerator& ids) {
  const auto media_type = bson::text_at(metadata, "media_type");
  const auto* sample_fields = metadata.find("sample_fields");
  if (media_type.empty() || !sample_fields || !sample_fields->as<Document>()) {
    throw Error(Exit::kMismatch,
                file +
                    " has neither a version nor the media_type and sample_fields of the layout "
                    "before 0.8",
                kDamaged);
  }
  Document info;
  if (const auto* stored = metadata.find("info"); stored && stored->as<Document>()) info = *stored->as<Document>();
  const auto* version = built_in_client();
  const Document app_config{
      {"dynamic_groups_target_frame_rate", 30}, {"grid_media_field", "filepath"},  {"media_fallback", false},
      {"media_fields", Array{"filepath"}},      {"modal_media_field", "filepath"}, {"plugins", Document()}};
  Document out{{"_id", Value()},
               {"name", bson::text_at(metadata, "name")},
               {"slug", Value()},
               {"version", version},
               {"created_at", Value()},
               {"last_modified_at", Value()},
               {"last_deletion_at", Value()},
               {"last_loaded_at", Value()},
               {"sample_collection_name", Value()},
               {"persistent", false},
               {"_media_roots", Array()},
               {"_media_sources", Array()},
               {"_media_source_layouts", Array()},
               {"group_media_types", Document()},
               {"tags", Array()},
               {"info", Document()},
               {"app_config", app_config},
               {"classes", Document()},
               {"default_classes", Array()},
               {"mask_targets", Document()},
               {"default_mask_targets", Document()},
               {"skeletons", Document()},
               {"camera_intrinsics", Document()},
               {"static_transforms", Document()},
               {"sample_fields", fields_of(kSampleFields, sample_fields, media_type, file)},
               {"frame_fields", media_type == "video" || metadata.has("frame_fields")
                                    ? fields_of(kFrameFields, metadata.find("frame_fields"), media_type, file)
                                    : Array()}};
  for (const char* key : kSpread) {
    if (auto value = info.take(key); value && !value->is_null()) out.set(key, std::move(*value));
  }
  if (const auto* slices = metadata.find("group_media_types"); slices && slices->as<Document>()) {
    out.set("group_media_types", *slices);
  }
  out.set("info", std::move(info));
  for (const auto& kind : kListKinds) {
    const auto* value = metadata.find(kind.field);
    out.append(kind.field, value ? *value : Value(Array()));
  }
  for (const auto& kind : kRunKinds) {
    const auto* value = metadata.find(kind.field);
    out.append(kind.field, value ? *value : Value(Document()));
  }
  out.append("active_label_schemas", Array());
  out.append("label_schemas", Document());
  out.append("frame_label_schemas", Document());
  out.append("media_type", media_type);
  return outlined(std::move(out), version, ids, file);
}

std::unique_ptr<DocumentSource> legacy_samples(const std::string& folder, const std::string& media_type,
                                               std::int64_t bytes, std::size_t workers) {
  return std::make_unique<LegacyDocuments>(folder, media_type, false, bytes, workers);
}

std::unique_ptr<DocumentSource> legacy_frames(const std::string& folder, std::int64_t bytes, std::size_t workers) {
  return std::make_unique<LegacyDocuments>(folder, "", true, bytes, workers);
}

}  // namespace fm::archive
