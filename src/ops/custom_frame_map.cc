// custom: {function: frame_map, up: true | false}
// Before 0.6.2 a video sample held {"<frame number>": <frame _id>} in `frames`;
// since then each frame holds its `_sample_id`, and `frames` is a summary
// {_cls: "_Frames", frame_count, first_frame}. A `frames` that is no such map
// (missing, or with a value that is no ObjectId) is left alone on the way up;
// frames without a number (an int or long) are in no map on the way down.
//
// Up: the summary is written while the map is kept under a temporary key, so
// that the first frame is taken as it was; then the frames are edited; then the
// temporary key goes. Down: every sample gets its map before `_sample_id` goes;
// a map that is there already is only added to, because it may be this run's
// own, and some of the frames may have lost their `_sample_id` since.
#include <algorithm>
#include <charconv>

#include "ops/custom.h"
#include "ops/operation.h"
#include "ops/polyline_shapes.h"
#include "ops/server_form.h"

namespace fm::ops {

namespace {

using bson::Array;
using bson::Document;
using bson::Value;

constexpr const char* kKept = "_migrator_frames";

bool goes_up(const Document& arguments) { return *arguments.find("up")->as<bool>(); }

Value is_map() {
  const Value pairs = expression("$objectToArray", "$frames");
  const Value ids = expression(
      "$map",
      Document{{"input", pairs}, {"in", expression("$eq", Array{expression("$type", "$$this.v"), "objectId"})}});
  return expression("$cond", Array{expression("$eq", Array{expression("$type", "$frames"), "object"}),
                                   expression("$allElementsTrue", Array{ids}), false});
}

Document merge_into(const std::string& collection, Array when_matched) {
  return {{"$merge", Document{{"into", collection},
                              {"on", "_id"},
                              {"whenMatched", std::move(when_matched)},
                              {"whenNotMatched", "discard"}}}};
}

Pass summary_pass(const CollectionWork& work) {
  const Value number =
      expression("$convert", Document{{"input", "$$this.k"}, {"to", "int"}, {"onError", bson::Null{}}});
  const Value first = expression("$filter", Document{{"input", expression("$objectToArray", "$frames")},
                                                     {"cond", expression("$eq", Array{number, 1})}});
  const Value stored = expression("$arrayElemAt", Array{"$stored", 0});
  const Value first_frame = expression(
      "$cond", Array{expression("$and", Array{expression("$ne", Array{expression("$type", "$first"), "missing"}),
                                              expression("$gt", Array{expression("$size", "$stored"), 0})}),
                     expression("$mergeObjects", Array{stored, Document{{"_cls", "_FrameLabels"}}}), bson::Null{}});
  const Value summary = expression(
      "$mergeObjects", Array{Document{{"_cls", "_Frames"},
                                      {"frame_count", expression("$size", expression("$objectToArray", "$frames"))},
                                      {"first_frame", first_frame}}});
  Pass pass;
  pass.collection = work.collection;
  pass.pending = Document{{"$expr", is_map()}};
  pass.merge = true;
  pass.pipeline = Array{
      Document{{"$project", Document{{"frames", 1}, {"first", expression("$arrayElemAt", Array{first, -1})}}}},
      Document{{"$lookup",
                Document{{"from", work.frames}, {"localField", "first.v"}, {"foreignField", "_id"}, {"as", "stored"}}}},
      Document{{"$project", Document{{"summary", summary}, {"kept", "$frames"}}}},
      merge_into(work.collection,
                 Array{Document{{"$set", Document{{"frames", "$$new.summary"}, {kKept, "$$new.kept"}}}}})};
  return pass;
}

Pass frames_pass(const CollectionWork& work) {
  Pass pass;
  pass.collection = work.collection;
  pass.pending = Document{{kKept, Document{{"$exists", true}}}};
  pass.merge = true;
  pass.rescan = false;
  pass.pipeline =
      Array{Document{{"$project", Document{{"pair", expression("$objectToArray", std::string("$") + kKept)}}}},
            Document{{"$unwind", "$pair"}}, Document{{"$project", Document{{"_id", "$pair.v"}, {"sample", "$_id"}}}},
            merge_into(work.frames,
                       Array{Document{{"$set", Document{{"_sample_id", "$$new.sample"}}}}, polyline_stage(true)})};
  return pass;
}

Pass forget_pass(const CollectionWork& work) {
  Pass pass;
  pass.collection = work.collection;
  pass.pending = Document{{kKept, Document{{"$exists", true}}}};
  pass.pipeline = Array{Document{{"$unset", kKept}}};
  return pass;
}

std::vector<Pass> down_passes(const CollectionWork& work) {
  Pass empty;
  empty.collection = work.collection;
  empty.pending = Document{{"$expr", expression("$not", is_map())}};
  empty.pipeline = Array{Document{{"$set", Document{{"frames", literal(Document{})}}}}};

  if (work.frames.empty()) return {empty};

  const Value pair = Document{{"k", expression("$toString", "$frame_number")}, {"v", "$_id"}};
  const Value present = expression("$cond", Array{is_map(), "$frames", literal(Document{})});
  const Value added = expression("$mergeObjects", Array{present, "$$new.frames"});
  Pass maps;
  maps.collection = work.frames;
  maps.merge = true;
  maps.whole = true;
  maps.pipeline =
      Array{Document{{"$match", Document{{"_sample_id", Document{{"$ne", bson::Null{}}}},
                                         {"$expr", expression("$in", Array{expression("$type", "$frame_number"),
                                                                           Array{"int", "long"}})}}}},
            Document{{"$sort", Document{{"_sample_id", 1}, {"frame_number", 1}}}},
            Document{{"$group", Document{{"_id", "$_sample_id"}, {"pairs", expression("$push", pair)}}}},
            Document{{"$project", Document{{"frames", expression("$arrayToObject", "$pairs")}}}},
            merge_into(work.collection, Array{Document{{"$set", Document{{"frames", added}}}}})};

  Pass forget;
  forget.collection = work.frames;
  forget.pending = Document{{"_sample_id", Document{{"$exists", true}}}};
  forget.pipeline = Array{Document{{"$unset", "_sample_id"}}};
  // Frames without it are all equal to a unique index.
  forget.drop_unique_indexes_on = "_sample_id";
  return {empty, maps, forget};
}

std::vector<Pass> join(const CollectionWork& work, const Document& arguments) {
  if (!goes_up(arguments)) return down_passes(work);
  if (work.frames.empty()) return {};
  return {summary_pass(work), frames_pass(work), forget_pass(work)};
}

// The map of a sample, or nullptr.
const Document* map_of(const Document& sample) {
  const auto* value = sample.find("frames");
  const auto* map = value ? value->as<Document>() : nullptr;
  const bool ids =
      map && std::all_of(map->begin(), map->end(), [](const auto& e) { return e.value.template as<bson::Oid>(); });
  return ids ? map : nullptr;
}

// Whether the server converts it to 1.
bool is_first(const std::string& number) {
  const char* end = number.data() + number.size();
  const char* begin = number.data() + (number.size() > 1 && number[0] == '+' && number[1] != '-' ? 1 : 0);
  int parsed = 0;
  const auto [stop, error] = std::from_chars(begin, end, parsed);
  return error == std::errc() && stop == end && parsed == 1;
}

void up_in_process(Document& sample, std::vector<Document>& frames) {
  const auto* map = map_of(sample);
  if (!map) return;
  const auto frame_of = [&](const Value& id) {
    return std::find_if(frames.begin(), frames.end(), [&](const Document& frame) {
      const auto* found = frame.find("_id");
      return found && *found == id;
    });
  };
  Document summary{
      {"_cls", "_Frames"}, {"frame_count", static_cast<std::int32_t>(map->size())}, {"first_frame", bson::Null{}}};
  const IdGenerator no_ids(0, "");
  Context scratch(bson::Null{}, 0, no_ids, nullptr);
  for (const auto& [key, id] : *map) {
    if (!is_first(key)) continue;
    const auto frame = frame_of(id);
    Document first = frame == frames.end() ? Document() : *frame;
    first.set("_cls", "_FrameLabels");
    summary.set("first_frame", frame == frames.end() ? Value() : Value(std::move(first)));
  }
  for (const auto& element : *map) {
    const auto frame = frame_of(element.value);
    if (frame == frames.end()) continue;
    frame->set("_sample_id", *sample.find("_id"));
    edit_polylines(*frame, true, scratch);
  }
  sample.set("frames", std::move(summary));
}

void down_in_process(Document& sample, std::vector<Document>& frames) {
  std::vector<std::pair<std::int64_t, Value>> numbered;
  for (auto& frame : frames) {
    const auto* owner = frame.find("_sample_id");
    if (!owner || !(*owner == *sample.find("_id"))) continue;
    const auto* number = frame.find("frame_number");
    if (number && !number->as<double>() && number->integer())
      numbered.emplace_back(*number->integer(), *frame.find("_id"));
    frame.take("_sample_id");
  }
  std::stable_sort(numbered.begin(), numbered.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  const auto* present = map_of(sample);
  Document map = present ? *present : Document();
  for (auto& [number, id] : numbered) map.set(std::to_string(number), std::move(id));
  sample.set("frames", std::move(map));
}

// Going down, frames that get into no map; going up, those that say already
// whose they are, and polylines that the way back would not leave as they are.
Document displaced_frames(const Document& arguments) {
  const Document has_owner{{"_sample_id", Document{{"$exists", true}}}};
  if (goes_up(arguments)) return {{"$or", Array{has_owner, polyline_displaces(true)}}};
  const Value numbered = expression("$in", Array{expression("$type", "$frame_number"), Array{"int", "long"}});
  return {{"$and", Array{has_owner, Document{{"$or", Array{Document{{"_sample_id", bson::Null{}}},
                                                           Document{{"$expr", expression("$not", numbered)}}}}}}}};
}

}  // namespace

const CustomFunction kFrameMap{
    .name = "frame_map",
    .description = "move the link between video samples and frames",
    .check =
        [](Arguments& arguments) {
          arguments.value("up");
          arguments.flag("up");
        },
    .join = join,
    .apply_join =
        [](Document& sample, std::vector<Document>& frames, const Document& arguments) {
          goes_up(arguments) ? up_in_process(sample, frames) : down_in_process(sample, frames);
        },
    .opposite =
        [](const Document& arguments) {
          return Document{{"up", !goes_up(arguments)}};
        },
    // Going up, also those without a map, which the way back gives one.
    .displaced = [](const Document& arguments) -> std::optional<Document> {
      return goes_up(arguments) ? Document() : Document{{"frames", Document{{"$exists", true}}}};
    },
    .displaced_frames = displaced_frames,
    .frames_key = "_sample_id",
    .sample_key = "frames",
    .changes = [](const Document& sample,
                  const Document& arguments) { return !goes_up(arguments) || map_of(sample) != nullptr; },
    .frame_polylines = [](const Document& arguments) -> std::optional<Document> {
      return goes_up(arguments) ? std::optional(Document{{"wrap", true}}) : std::nullopt;
    },
};

}  // namespace fm::ops
