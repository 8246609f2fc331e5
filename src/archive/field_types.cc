#include "archive/field_types.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "base/error.h"

namespace fm::archive {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr std::string_view kPrefix = "fiftyone.core.fields.";
constexpr std::string_view kEmbedded = "fiftyone.core.fields.EmbeddedDocumentField";
constexpr std::array<std::string_view, 33> kTypes = {"Field",
                                                     "IntField",
                                                     "ObjectIdField",
                                                     "UUIDField",
                                                     "BooleanField",
                                                     "DateField",
                                                     "DateTimeField",
                                                     "FloatField",
                                                     "StringField",
                                                     "ColorField",
                                                     "ListField",
                                                     "HeatmapRangeField",
                                                     "DictField",
                                                     "KeypointsField",
                                                     "PolylinePointsField",
                                                     "_GeoField",
                                                     "GeoPointField",
                                                     "GeoLineStringField",
                                                     "GeoPolygonField",
                                                     "GeoMultiPointField",
                                                     "VectorField",
                                                     "ArrayField",
                                                     "GeoMultiLineStringField",
                                                     "GeoMultiPolygonField",
                                                     "FrameNumberField",
                                                     "FrameSupportField",
                                                     "ClassesField",
                                                     "MaskTargetsField",
                                                     "EmbeddedDocumentField",
                                                     "ReferenceField",
                                                     "FramesField",
                                                     "MediaReferenceField",
                                                     "EmbeddedDocumentListField"};

bool known(std::string_view type) {
  if (!type.starts_with(kPrefix)) return type.starts_with("fiftyone.");
  type.remove_prefix(kPrefix.size());
  return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

// Modules of which every class of documents is known.
constexpr std::array<std::string_view, 3> kModules = {"fiftyone.core.labels.", "fiftyone.core.metadata.",
                                                      "fiftyone.core.groups."};
constexpr std::array<std::string_view, 27> kDocuments = {"labels.Attribute",
                                                         "labels.BooleanAttribute",
                                                         "labels.CategoricalAttribute",
                                                         "labels.Classification",
                                                         "labels.Classifications",
                                                         "labels.Detection",
                                                         "labels.Detections",
                                                         "labels.GeoLocation",
                                                         "labels.GeoLocations",
                                                         "labels.Heatmap",
                                                         "labels.Instance",
                                                         "labels.Keypoint",
                                                         "labels.Keypoints",
                                                         "labels.Label",
                                                         "labels.ListAttribute",
                                                         "labels.NumericAttribute",
                                                         "labels.Polyline",
                                                         "labels.Polylines",
                                                         "labels.Regression",
                                                         "labels.Segmentation",
                                                         "labels.TemporalDetection",
                                                         "labels.TemporalDetections",
                                                         "metadata.ImageMetadata",
                                                         "metadata.Metadata",
                                                         "metadata.SceneMetadata",
                                                         "metadata.VideoMetadata",
                                                         "groups.Group"};

// module.Class, as Python writes it.
bool is_class_name(std::string_view name) {
  if (name.find('.') == std::string_view::npos) return false;
  bool first = true;
  for (const char c : name) {
    const bool letter = c == '_' || std::isalpha(static_cast<unsigned char>(c)) || static_cast<unsigned char>(c) >= 128;
    const bool digit = std::isdigit(static_cast<unsigned char>(c)) != 0;
    if (c == '.' ? first : !(letter || (digit && !first))) return false;
    first = c == '.';
  }
  return !first;
}

// Classes of other modules may be somebody's own: only Python can tell.
bool known_document(std::string_view type) {
  const bool ours =
      std::any_of(kModules.begin(), kModules.end(), [&](auto module) { return type.starts_with(module); });
  if (!ours) return is_class_name(type) && !type.starts_with(kPrefix);
  type.remove_prefix(std::string_view("fiftyone.core.").size());
  return std::find(kDocuments.begin(), kDocuments.end(), type) != kDocuments.end();
}

class Checker {
 public:
  Checker(const std::string& file, std::vector<std::string>& warnings) : file_(file), warnings_(warnings) {}

  void fields(const Value* list, const std::string& path) {
    if (!list || list->is_null()) return;
    const auto* all = list->as<Array>();
    if (!all) throw damaged(path + " is no list of fields");
    for (const auto& item : *all) {
      const auto* field = item.as<Document>();
      const auto* name = field ? field->find("name") : nullptr;
      if (!name || !name->as<std::string>()) throw damaged(path + " holds something that is no field");
      one(*field, path + "." + *name->as<std::string>());
    }
  }

 private:
  Error damaged(const std::string& what) const {
    return Error(Exit::kMismatch, file_ + ": " + what,
                 "A dataset with such a field could not be loaded. Correct the archive.");
  }

  // nullptr: null, or not there.
  const std::string* text(const Document& field, const char* key, const std::string& path) const {
    const auto* value = field.find(key);
    if (!value || value->is_null()) return nullptr;
    const auto* out = value->as<std::string>();
    if (!out) throw damaged(path + " has a value of the type " + value->type_name() + " as " + key);
    return out;
  }

  void one(const Document& field, const std::string& path) {
    const auto* type = text(field, "ftype", path);
    if (!type) throw damaged(path + " has no ftype");
    const auto* subfield = text(field, "subfield", path);
    for (const auto* each : {type, subfield}) {
      if (each && !known(*each)) throw damaged(path + " has the unknown type '" + *each + "'");
    }
    const auto* document = text(field, "embedded_doc_type", path);
    if (document && !known_document(*document)) {
      throw damaged(path + " has the unknown type '" + *document + "'");
    }
    const bool embeds = *type == kEmbedded || (subfield && *subfield == kEmbedded);
    if (embeds && !document) throw damaged(path + " does not say which type its documents have (embedded_doc_type)");
    if (document && !document->starts_with("fiftyone.")) {
      warnings_.push_back("Clients load " + path + " only where Python finds the class " + *document);
    }
    fields(field.find("fields"), path);
  }

  const std::string& file_;
  std::vector<std::string>& warnings_;
};

}  // namespace

void check_field_types(const Document& dataset, const std::string& file, std::vector<std::string>& warnings) {
  const auto* config = dataset.find("app_config");
  if (config && !config->is_null() && !config->as<Document>()) {
    throw Error(Exit::kMismatch, file + ": app_config is of the type " + config->type_name() + ", and no document",
                "Such a dataset could not be loaded. Correct the archive.");
  }
  Checker checker(file, warnings);
  checker.fields(dataset.find("sample_fields"), "sample_fields");
  checker.fields(dataset.find("frame_fields"), "frame_fields");
}

bool has_sample_fields(const Document& dataset) {
  const auto* fields = dataset.find("sample_fields");
  const auto* list = fields ? fields->as<bson::Array>() : nullptr;
  return list && !list->empty();
}

}  // namespace fm::archive
