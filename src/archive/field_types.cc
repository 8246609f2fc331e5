#include "archive/field_types.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/error.h"

namespace fm::archive {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr std::string_view kPrefix = "fiftyone.core.fields.";
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

void check(const Value* list, const std::string& path, const std::string& file) {
  if (!list || list->is_null()) return;
  const auto* fields = list->as<Array>();
  if (!fields) throw Error(Exit::kMismatch, file + ": " + path + " is no list of fields");
  for (const auto& item : *fields) {
    const auto* field = item.as<Document>();
    const auto* name = field ? field->find("name") : nullptr;
    if (!name || !name->as<std::string>()) {
      throw Error(Exit::kMismatch, file + ": " + path + " holds something that is no field");
    }
    const auto inner = path + "." + *name->as<std::string>();
    for (const char* key : {"ftype", "subfield"}) {
      const auto* type = field->find(key);
      const auto* text = type ? type->as<std::string>() : nullptr;
      if (!text && std::string_view(key) == "ftype") {
        throw Error(Exit::kMismatch, file + ": " + inner + " has no ftype");
      }
      if (text && !known(*text)) {
        throw Error(Exit::kMismatch, file + ": " + inner + " has the unknown type '" + *text + "'",
                    "A dataset with such a field could not be loaded. Correct the archive.");
      }
    }
    check(field->find("fields"), inner, file);
  }
}

}  // namespace

void check_field_types(const Document& dataset, const std::string& file) {
  check(dataset.find("sample_fields"), "sample_fields", file);
  check(dataset.find("frame_fields"), "frame_fields", file);
}

}  // namespace fm::archive
