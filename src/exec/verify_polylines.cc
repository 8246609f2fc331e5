#include "exec/verify_polylines.h"

#include <string>

#include "bson/read.h"

namespace fm {

using bson::Array;
using bson::Document;

namespace {

constexpr const char* kPolyline = "fiftyone.core.labels.Polyline";
constexpr const char* kPolylines = "fiftyone.core.labels.Polylines";

// Points hold shapes, shapes points, points numbers: points.0.0.0 is a number.
const Document kExists{{"$exists", true}};
const Document kMissing{{"$exists", false}};

Document too_deep() { return {{"points.0.0.0.0", kExists}}; }
Document too_flat() { return {{"points.0.0", kExists}, {"points.0.0.0", kMissing}}; }

// One alternative for each field that holds polylines.
Array labels_with(const Document& dataset, const char* schema, const Document& alone, const Document& listed) {
  Array out;
  const auto* value = dataset.find(schema);
  const auto* fields = value ? value->as<Array>() : nullptr;
  if (!fields) return out;
  for (const auto& item : *fields) {
    const auto* field = item.as<Document>();
    if (!field) continue;
    const auto type = text_at(*field, "embedded_doc_type");
    const auto stored = text_at(*field, "db_field");
    const auto key = stored.empty() ? text_at(*field, "name") : stored;
    // Such a name is no path in a query.
    if (key.empty() || key.starts_with("$") || key.find('\0') != std::string::npos) continue;
    if (type == kPolyline) {
      Document one{{key + "._cls", "Polyline"}};
      for (const auto& [path, condition] : alone) one.append(key + "." + path, condition);
      out.append(std::move(one));
    } else if (type == kPolylines) {
      out.append(Document{{key + ".polylines", Document{{"$elemMatch", listed}}}});
    }
  }
  return out;
}

}  // namespace

std::vector<CollectionCheck> polyline_checks(const Document& dataset, const Version& version) {
  static const Version kShapes = Version::parse("0.6.2");
  static const Version kOwnFrames = Version::parse("0.14.0");
  std::vector<CollectionCheck> out;
  if (version.base() < kShapes) return out;
  const auto samples = text_at(dataset, "sample_collection_name");
  const auto frames = version.base() < kOwnFrames ? "frames." + samples : text_at(dataset, "frame_collection_name");
  const bool video = text_at(dataset, "media_type") == "video";
  const auto add = [&](const std::string& collection, Array alternatives, const char* what, const char* repair) {
    if (collection.empty() || alternatives.empty()) return;
    CollectionCheck check{collection, Document{{"$or", std::move(alternatives)}}, {}, ""};
    check.problem.where = collection;
    check.problem.what = what;
    check.problem.repair = repair;
    check.problem.remedy = "No client can draw them; mend them or import the labels again.";
    out.push_back(std::move(check));
  };
  const auto twice = too_deep();
  const auto never = too_flat();
  constexpr const char* kTwice =
      "polylines whose points are wrapped twice or more: an interrupted upgrade of the original";
  constexpr const char* kUnwrap = "unwrap the points once";
  constexpr const char* kNever = "polylines whose points are one shape, not a list of shapes";
  constexpr const char* kWrap = "wrap the points";
  add(samples, labels_with(dataset, "sample_fields", twice, twice), kTwice, kUnwrap);
  // The original leaves those of video samples as they were.
  if (!video) add(samples, labels_with(dataset, "sample_fields", never, never), kNever, kWrap);
  if (samples.starts_with("clips.")) return out;
  add(frames, labels_with(dataset, "frame_fields", twice, twice), kTwice, kUnwrap);
  add(frames, labels_with(dataset, "frame_fields", never, never), kNever, kWrap);
  return out;
}

}  // namespace fm
