// custom: {function: frame_summary}
// Rebuilds the summary that video samples held in `frames` before 0.7.2:
// {first_frame: <the frame with number 1>, frame_count}. Without a frame 1 only
// the count; without frames nothing.
#include <algorithm>

#include "ops/custom.h"
#include "ops/operation.h"
#include "ops/server_form.h"

namespace fm::ops {

namespace {

using bson::Array;
using bson::Document;
using bson::Value;

std::vector<Pass> join(const CollectionWork& work, const Document&) {
  if (work.frames.empty()) return {};
  const Value is_first = expression("$eq", Array{"$frame_number", 1});
  const Value first = expression("$arrayElemAt", Array{"$first", -1});
  const Value has_first = expression("$gt", Array{expression("$size", "$first"), 0});
  // A first frame replaces what is there; a count alone joins it.
  const Value is_object = expression("$eq", Array{expression("$type", "$frames"), "object"});
  const Value found_first = expression("$ne", Array{expression("$type", "$$new.first"), "missing"});
  const Value start = expression("$cond", Array{found_first, Document{{"first_frame", "$$new.first"}},
                                                expression("$cond", Array{is_object, "$frames", Document{}})});
  const Value frames = expression("$mergeObjects", Array{start, Document{{"frame_count", "$$new.count"}}});
  Pass pass;
  pass.collection = work.frames;
  pass.merge = true;
  pass.whole = true;
  pass.pipeline = Array{
      Document{{"$match", Document{{"_sample_id", Document{{"$ne", bson::Null{}}}}}}},
      Document{{"$group",
                Document{{"_id", "$_sample_id"},
                         {"count", expression("$sum", 1)},
                         {"first", expression("$push", expression("$cond", Array{is_first, "$$ROOT", "$$REMOVE"}))}}}},
      Document{
          {"$project", Document{{"count", 1}, {"first", expression("$cond", Array{has_first, first, "$$REMOVE"})}}}},
      Document{{"$merge", Document{{"into", work.collection},
                                   {"on", "_id"},
                                   {"whenMatched", Array{Document{{"$set", Document{{"frames", frames}}}}}},
                                   {"whenNotMatched", "discard"}}}}};
  return {pass};
}

void apply_join(Document& sample, std::vector<Document>& frames, const Document&) {
  Document summary;
  std::int32_t count = 0;
  for (const auto& frame : frames) {
    const auto* owner = frame.find("_sample_id");
    if (!owner || !(*owner == *sample.find("_id"))) continue;
    ++count;
    const auto* number = frame.find("frame_number");
    if (number && number->integer() == 1) summary.set("first_frame", frame);
  }
  if (count == 0) return;
  auto* present = sample.find("frames");
  const auto* object = present ? present->as<Document>() : nullptr;
  if (summary.empty() && object) summary = *object;
  summary.set("frame_count", count);
  sample.set("frames", std::move(summary));
}

}  // namespace

const CustomFunction kFrameSummary{
    .name = "frame_summary",
    .description = "rebuild the summary of frames in video samples",
    .check = [](Arguments&) {},
    .join = join,
    .apply_join = apply_join,
    .adds = "frames",
    .displaced = [](const Document&) -> std::optional<Document> {
      return Document{{"frames", Document{{"$exists", true}}}};
    },
};

}  // namespace fm::ops
