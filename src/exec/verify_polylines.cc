#include "exec/verify_polylines.h"

#include <algorithm>
#include <string>
#include <vector>

#include "bson/path.h"
#include "bson/read.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr const char* kPolyline = "fiftyone.core.labels.Polyline";
constexpr const char* kPolylines = "fiftyone.core.labels.Polylines";

// Points hold shapes, shapes points, points numbers: points.0.0.0 is a number.
const Document kExists{{"$exists", true}};
const Document kMissing{{"$exists", false}};

Document too_deep() { return {{"points.0.0.0.0", kExists}}; }
Document too_flat() { return {{"points.0.0", kExists}, {"points.0.0.0", kMissing}}; }

// Fields that hold polylines, by their stored names.
struct Fields {
  std::vector<std::string> alone;
  std::vector<std::string> listed;

  bool empty() const { return alone.empty() && listed.empty(); }
};

Fields fields_of(const Document& dataset, const char* schema) {
  Fields out;
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
    if (type == kPolyline) out.alone.push_back(key);
    if (type == kPolylines) out.listed.push_back(key);
  }
  return out;
}

// One alternative for each field.
Document any_with(const Fields& fields, const Document& wrong) {
  Array out;
  for (const auto& key : fields.alone) {
    Document one{{key + "._cls", "Polyline"}};
    for (const auto& [path, condition] : wrong) one.append(key + "." + path, condition);
    out.append(std::move(one));
  }
  for (const auto& key : fields.listed) {
    out.append(Document{{key + ".polylines", Document{{"$elemMatch", wrong}}}});
  }
  return Document{{"$or", std::move(out)}};
}

const Array* first_list(const Array& list) { return list.empty() ? nullptr : list[0].as<Array>(); }

// What stands where a coordinate belongs is a list.
bool deep(const Array& points) {
  const auto* shape = first_list(points);
  const auto* point = shape ? first_list(*shape) : nullptr;
  const auto* coordinate = point ? first_list(*point) : nullptr;
  return coordinate && !coordinate->empty();
}

// Wrapping put a list of one around the shapes; of several nobody knows.
void unwrap(Value& points) {
  auto mended = points;
  for (auto* list = mended.as<Array>(); list && deep(*list); list = mended.as<Array>()) {
    if (list->size() != 1) return;
    mended = list->take(0);
  }
  points = std::move(mended);
}

bool is_point(const Value& value) {
  const auto* point = value.as<Array>();
  const auto is_number = [](const Value& one) { return one.as<double>() || one.integer(); };
  return point && point->size() == 2 && is_number((*point)[0]) && is_number((*point)[1]);
}

void wrap(Value& points) {
  const auto* shape = points.as<Array>();
  if (!shape || shape->empty() || !std::all_of(shape->begin(), shape->end(), is_point)) return;
  Array shapes;
  shapes.append(std::move(points));
  points = std::move(shapes);
}

void edit_labels(const Fields& fields, void (*edit)(Value& points), Document& member) {
  const auto edit_in = [&](Document& label) {
    if (auto* points = label.find("points")) edit(*points);
  };
  for (const auto& key : fields.alone) {
    auto* value = bson::Path(key).find(member);
    auto* label = value ? value->as<Document>() : nullptr;
    if (label && text_at(*label, "_cls") == "Polyline") edit_in(*label);
  }
  for (const auto& key : fields.listed) {
    auto* value = bson::Path(key + ".polylines").find(member);
    auto* list = value ? value->as<Array>() : nullptr;
    for (std::size_t i = 0; list && i < list->size(); ++i) {
      if (auto* label = (*list)[i].as<Document>()) edit_in(*label);
    }
  }
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
  const auto add = [&](const std::string& collection, const Fields& fields, bool twice) {
    if (collection.empty() || fields.empty()) return;
    CollectionCheck check{collection, any_with(fields, twice ? too_deep() : too_flat()), {}, ""};
    check.problem =
        problem_of(twice ? "points-wrapped-twice" : "points-unwrapped", collection,
                   twice ? "polylines whose points are wrapped twice or more: an interrupted upgrade of the original"
                         : "polylines whose points are one shape, not a list of shapes",
                   "No client can draw them; mend them or import the labels again.");
    check.problem.repair = twice ? "unwrap the points to a list of shapes" : "wrap the points";
    check.problem.mend.members.push_back({collection, check.filter, [fields, twice](Document& member) {
                                            edit_labels(fields, twice ? unwrap : wrap, member);
                                          }});
    out.push_back(std::move(check));
  };
  const auto of_samples = fields_of(dataset, "sample_fields");
  add(samples, of_samples, true);
  // The original leaves those of video samples as they were.
  if (!video) add(samples, of_samples, false);
  if (samples.starts_with("clips.")) return out;
  const auto of_frames = fields_of(dataset, "frame_fields");
  add(frames, of_frames, true);
  add(frames, of_frames, false);
  return out;
}

}  // namespace fm
