// The compiled functions, in process. That the server does the same is shown in
// tests/property.
#include "ops/custom.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/steps.h"

namespace fm {
namespace {

using bson::Document;
using bson::Value;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(CustomFunctions, AreFew) {
  std::vector<std::string> names;
  for (const auto& function : ops::custom_functions()) names.push_back(function.name);
  EXPECT_THAT(names, testing::UnorderedElementsAre("dataset_name", "similarity_runs", "polyline_shapes", "frame_map",
                                                   "frame_summary", "principal", "dataset_reference", "short_name"));
}

// ---- polyline_shapes

struct Points {
  const char* flat;     // before 0.6.2
  const char* wrapped;  // after
};

Document sample_with(const char* points) {
  return json(std::string(R"({"_id": 1, "l": {"_cls": "Polyline", "points": )") + points +
              R"(, "label": "x"}, "ls": {"_cls": "Polylines", "polylines": [{"_cls": "Polyline", "points": )" + points +
              R"(}], "n": 1}})");
}

Document edited(const Document& doc, bool wrap, StepRunner& runner) {
  auto out = doc;
  ops::apply_to_member(parse(wrap ? R"({"custom": {"function": "polyline_shapes", "wrap": true}, "over": "samples"})"
                                  : R"({"custom": {"function": "polyline_shapes", "wrap": false}, "over": "samples"})"),
                       out, runner.context);
  return out;
}

TEST(PolylineShapes, WrapAndUnwrap) {
  StepRunner runner;
  for (const auto& [flat, wrapped] : std::vector<Points>{
           {"[[0, 0], [1, 1]]", "[[[0, 0], [1, 1]]]"},
           {"[[0.5, 0.5]]", "[[[0.5, 0.5]]]"},
           {"[[null, 1]]", "[[[null, 1]]]"},
       }) {
    EXPECT_EQ(edited(sample_with(flat), true, runner), sample_with(wrapped)) << flat;
    EXPECT_EQ(edited(sample_with(wrapped), true, runner), sample_with(wrapped)) << flat;
    EXPECT_EQ(edited(sample_with(wrapped), false, runner), sample_with(flat)) << flat;
    EXPECT_EQ(edited(sample_with(flat), false, runner), sample_with(flat)) << flat;
  }
  for (const auto& displaced : runner.context.displaced) EXPECT_FALSE(displaced.lost);
}

TEST(PolylineShapes, OddPointsUp) {
  StepRunner runner;
  EXPECT_EQ(edited(sample_with("null"), true, runner), sample_with("[null]"));
  EXPECT_EQ(edited(sample_with("[]"), true, runner), sample_with("[[]]"));
  for (const char* done : {"[null]", "[[]]", "[[], [[1, 2]]]", "[[[1, 2]]]", "[[[1, 2]], [[3, 4]]]", "[[[[1, 2]]]]"}) {
    EXPECT_EQ(edited(sample_with(done), true, runner), sample_with(done)) << done;
  }
}

TEST(PolylineShapes, OddPointsDown) {
  StepRunner runner;
  EXPECT_EQ(edited(sample_with("[]"), false, runner), sample_with("[[]]"));
  EXPECT_EQ(edited(sample_with("[[[1, 2]], [[3, 4]]]"), false, runner), sample_with("[[]]"));
  for (const char* done : {"null", "[[]]", "[[1, 2], [3, 4]]", "5", "\"x\"", "{}"}) {
    EXPECT_EQ(edited(sample_with(done), false, runner), sample_with(done)) << done;
  }
}

TEST(PolylineShapes, EveryKindOfPointsTwiceIsOnce) {
  StepRunner runner;
  for (const char* points : {"null",
                             "5",
                             "\"x\"",
                             "{}",
                             "true",
                             "[]",
                             "[null]",
                             "[null, [[1, 2]]]",
                             "[5]",
                             "[1, 2]",
                             "[\"x\"]",
                             "[{}]",
                             "[[]]",
                             "[[], []]",
                             "[[null]]",
                             "[[1, 2]]",
                             "[[1, 2], 5]",
                             "[[], [1, 2]]",
                             "[[], [[1, 2]]]",
                             "[[[]]]",
                             "[[[]], [[]]]",
                             "[[[], [1, 2]]]",
                             "[[[1, 2]]]",
                             "[[[1, 2]], []]",
                             "[[[1, 2]], [[3, 4]]]",
                             "[[[null]]]",
                             "[[[[]]]]",
                             "[[[[1, 2]]]]",
                             "[[[[1, 2]]], [[[3, 4]]]]",
                             "[[[[[1, 2]]]]]"}) {
    for (const bool wrap : {true, false}) {
      const auto once = edited(sample_with(points), wrap, runner);
      EXPECT_EQ(edited(once, wrap, runner), once) << points << (wrap ? " wrapped" : " unwrapped");
    }
  }
}

TEST(PolylineShapes, GoByClassAtTheTopOnly) {
  StepRunner runner;
  const auto untouched = json(R"({"_id": 1, "a": {"_cls": "Detection", "points": [[0, 0]]}, "b": {"points": [[0, 0]]},
                                  "c": {"d": {"_cls": "Polyline", "points": [[0, 0]]}}, "e": [{"_cls": "Polyline", "points": [[0, 0]]}],
                                  "f": {"_cls": "Polyline"}, "g": {"_cls": "Polylines"}, "h": {"_cls": "Polylines", "polylines": null},
                                  "i": {"_cls": "Polylines", "polylines": [null, 5, {"points": [[0, 0]]}, {"_cls": "Detection", "points": [[0, 0]]}]},
                                  "j": {"_cls": "Polylines", "points": [[0, 0]]}, "k": {"_cls": 5, "points": [[0, 0]]}})");
  EXPECT_EQ(edited(untouched, true, runner), untouched);
  EXPECT_EQ(edited(untouched, false, runner), untouched);
  EXPECT_THAT(runner.displaced(), IsEmpty());
}

TEST(PolylineShapes, LossOfSeveralShapesIsTold) {
  StepRunner runner;
  edited(
      json(
          R"({"_id": 1, "l": {"_cls": "Polyline", "points": [[[1, 2]], [[3, 4]]]}, "m": {"_cls": "Polyline", "points": [[[1, 2]]]}})"),
      false, runner);
  EXPECT_THAT(runner.displaced(),
              ElementsAre(testing::AllOf(HasSubstr("l.points: "), HasSubstr("lost")),
                          testing::AllOf(HasSubstr("m.points: "), testing::Not(HasSubstr("lost")))));
}

// ---- frame_map, frame_summary

const ops::CustomFunction& function(std::string_view name) {
  for (const auto& one : ops::custom_functions()) {
    if (one.name == name) return one;
  }
  throw std::logic_error("no such function");
}

std::string oid(int n) { return R"({"$oid": "00000000000000000000000)" + std::to_string(n) + "\"}"; }
Document frame(int n, const std::string& rest) { return json("{\"_id\": " + oid(n) + rest + "}"); }

TEST(FrameMap, UpAndDown) {
  const auto& map = function("frame_map");
  const auto flat = R"(, "p": {"_cls": "Polyline", "points": [[0, 0]]})";
  const auto wrapped = R"(, "p": {"_cls": "Polyline", "points": [[[0, 0]]]})";
  const std::vector<Document> before = {frame(1, std::string(R"(, "frame_number": 1)") + flat),
                                        frame(2, R"(, "frame_number": 2)"), frame(3, R"(, "frame_number": 10)"),
                                        frame(4, R"(, "frame_number": 1)")};
  const auto sample = json("{\"_id\": 7, \"frames\": {\"1\": " + oid(1) + ", \"2\": " + oid(2) + ", \"10\": " + oid(3) +
                           "}, \"z\": 1}");
  auto frames = before;
  auto up = sample;
  map.apply_join(up, frames, json(R"({"up": true})"));
  EXPECT_EQ(up, json(R"({"_id": 7, "frames": {"_cls": "_Frames", "frame_count": 3, "first_frame": {"_id": )" + oid(1) +
                     R"(, "frame_number": 1)" + flat + R"(, "_cls": "_FrameLabels"}}, "z": 1})"));
  EXPECT_EQ(frames[0], frame(1, std::string(R"(, "frame_number": 1)") + wrapped + R"(, "_sample_id": 7)"));
  EXPECT_EQ(frames[2], frame(3, R"(, "frame_number": 10, "_sample_id": 7)"));
  EXPECT_EQ(frames[3], before[3]);

  auto again = up;
  auto frames_again = frames;
  map.apply_join(again, frames_again, json(R"({"up": true})"));
  EXPECT_EQ(again, up);
  EXPECT_EQ(frames_again, frames);

  auto down = up;
  map.apply_join(down, frames, json(R"({"up": false})"));
  EXPECT_EQ(down, sample);
  for (const auto& one : frames) EXPECT_FALSE(one.has("_sample_id"));
  auto down_again = down;
  map.apply_join(down_again, frames, json(R"({"up": false})"));
  EXPECT_EQ(down_again, down);
}

TEST(FrameMap, LeavesAloneWhatIsNoMap) {
  const auto& map = function("frame_map");
  for (const char* frames :
       {"null", "[]", "5", R"({"1": 5})", R"({"_cls": "_Frames", "frame_count": 0, "first_frame": null})"}) {
    auto sample = json(std::string(R"({"_id": 7, "frames": )") + frames + "}");
    const auto before = sample;
    std::vector<Document> none;
    map.apply_join(sample, none, json(R"({"up": true})"));
    EXPECT_EQ(sample, before);
  }
  auto without = json(R"({"_id": 7})");
  std::vector<Document> none;
  map.apply_join(without, none, json(R"({"up": true})"));
  EXPECT_EQ(without, json(R"({"_id": 7})"));
  auto empty = json(R"({"_id": 7, "frames": {}})");
  map.apply_join(empty, none, json(R"({"up": true})"));
  EXPECT_EQ(empty, json(R"({"_id": 7, "frames": {"_cls": "_Frames", "frame_count": 0, "first_frame": null}})"));
}

TEST(FrameMap, FramesThatAreNotThere) {
  auto sample = json("{\"_id\": 7, \"frames\": {\"1\": " + oid(1) + ", \"2\": " + oid(2) + "}}");
  std::vector<Document> frames = {frame(2, "")};
  function("frame_map").apply_join(sample, frames, json(R"({"up": true})"));
  EXPECT_EQ(sample, json(R"({"_id": 7, "frames": {"_cls": "_Frames", "frame_count": 2, "first_frame": null}})"));
  EXPECT_EQ(frames[0], frame(2, R"(, "_sample_id": 7)"));
}

TEST(FrameMap, DownWithOddFrames) {
  auto sample = json(R"({"_id": 7})");
  std::vector<Document> frames = {frame(1, R"(, "_sample_id": 7)"),
                                  frame(2, R"(, "_sample_id": 7, "frame_number": "x")"),
                                  frame(3, R"(, "_sample_id": 7, "frame_number": {"$numberLong": "3"})"),
                                  frame(4, R"(, "_sample_id": 8, "frame_number": 1)")};
  function("frame_map").apply_join(sample, frames, json(R"({"up": false})"));
  EXPECT_EQ(sample, json(R"({"_id": 7, "frames": {"3": )" + oid(3) + "}}"));
}

TEST(FrameSummary, FirstFrameAndCount) {
  const auto& summary = function("frame_summary");
  std::vector<Document> frames = {frame(2, R"(, "_sample_id": 7, "frame_number": 2)"),
                                  frame(1, R"(, "_sample_id": 7, "frame_number": 1, "x": 1)"),
                                  frame(3, R"(, "_sample_id": 8, "frame_number": 2)")};
  const auto before = frames;
  auto a = json(R"({"_id": 7, "frames": 1, "z": 1})");
  summary.apply_join(a, frames, {});
  EXPECT_EQ(a, json(R"({"_id": 7, "frames": {"first_frame": {"_id": )" + oid(1) +
                    R"(, "_sample_id": 7, "frame_number": 1, "x": 1}, "frame_count": 2}, "z": 1})"));
  auto b = json(R"({"_id": 8})");
  summary.apply_join(b, frames, {});
  EXPECT_EQ(b, json(R"({"_id": 8, "frames": {"frame_count": 1}})"));
  auto c = json(R"({"_id": 9, "z": 1})");
  summary.apply_join(c, frames, {});
  EXPECT_EQ(c, json(R"({"_id": 9, "z": 1})"));
  EXPECT_EQ(frames, before);
}

// ---- dataset_name

TEST(DatasetName, FollowsTheChoice) {
  const char* step = R"({"custom": {"function": "dataset_name"}})";
  StepRunner runner;
  runner.context.naming = ops::Naming{"new", "new-slug", {"a warning"}};
  EXPECT_EQ(runner.run(step, R"({"name": "old", "z": 1})"), json(R"({"name": "new", "z": 1, "slug": "new-slug"})"));
  EXPECT_THAT(runner.messages(), ElementsAre("a warning"));
  EXPECT_EQ(runner.run(step, R"({"name": "old", "slug": null})"), json(R"({"name": "old", "slug": null})"));
  StepRunner without;
  EXPECT_EQ(without.run(step, R"({"name": "old"})"), json(R"({"name": "old"})"));
}

// ---- similarity_runs

TEST(SimilarityRuns, RenamesRunsAndTheirResults) {
  const char* step =
      R"({"custom": {"function": "similarity_runs", "field": "brain_methods", "from": "Old", "to": "New", "method": "sk", "results": "NewIndex"}})";
  const char* dataset =
      R"({"brain_methods": {"a": {"$oid": "000000000000000000000001"}, "b": {"$oid": "000000000000000000000002"},
                                              "c": {"$oid": "000000000000000000000003"}, "d": {"$oid": "000000000000000000000004"}, "e": {"x": 1}}})";
  StepRunner runner;
  const auto run = [&](int n) -> Document& {
    return runner.others[{"runs", "00000000000000000000000" + std::to_string(n)}];
  };
  run(1) = json(
      R"({"_id": {"$oid": "000000000000000000000001"}, "config": {"cls": "Old", "k": 1}, "results": {"$oid": "0000000000000000000000aa"}})");
  run(2) = json(
      R"({"_id": {"$oid": "000000000000000000000002"}, "config": {"cls": "Other"}, "results": {"$oid": "0000000000000000000000ab"}})");
  run(3) = json(
      R"({"_id": {"$oid": "000000000000000000000003"}, "config": {"method": "x", "cls": "Old"}, "results": null})");
  runner.context.file_has_key = [](const Value&, const std::string& key) { return key == "cls"; };
  EXPECT_EQ(runner.run(step, dataset), json(dataset));
  EXPECT_THAT(runner.messages(), ElementsAre("Run 'd' of dataset 'pictures' has no document in 'runs'; skipping it"));
  ASSERT_EQ(runner.context.file_patches.size(), 1u);
  const auto& patch = runner.context.file_patches[0];
  EXPECT_EQ(patch.old_id, json_value(R"({"$oid": "0000000000000000000000aa"})"));
  EXPECT_EQ(patch.key, "cls");
  EXPECT_EQ(patch.value, "NewIndex");
  const auto& entries = runner.context.references.entries();
  EXPECT_EQ(*entries[0].after, (Document{{"_id", json_value(oid(1))},
                                         {"config", json(R"({"cls": "New", "k": 1, "method": "sk"})")},
                                         {"results", patch.new_id}}));
  EXPECT_EQ(entries[1].after, entries[1].before);
  EXPECT_EQ(
      *entries[2].after,
      json(
          R"({"_id": {"$oid": "000000000000000000000003"}, "config": {"method": "sk", "cls": "New"}, "results": null})"));
  std::vector<std::pair<std::string, Value>> named;
  ops::references({parse(step)}, json(dataset), named);
  EXPECT_EQ(named.size(), 4u);
}

TEST(SimilarityRuns, LeavesResultsThatCannotBeRead) {
  StepRunner runner;
  runner.others[{"runs", "000000000000000000000001"}] = json(
      R"({"_id": {"$oid": "000000000000000000000001"}, "config": {"cls": "Old"}, "results": {"$oid": "0000000000000000000000aa"}})");
  runner.context.file_has_key = [](const Value&, const std::string&) { return false; };
  runner.run(
      R"({"custom": {"function": "similarity_runs", "field": "b", "from": "Old", "to": "New", "method": "sk", "results": "I"}})",
      R"({"b": {"a": {"$oid": "000000000000000000000001"}}})");
  EXPECT_THAT(runner.context.file_patches, IsEmpty());
  EXPECT_EQ(
      *runner.context.references.entries()[0].after,
      json(
          R"({"_id": {"$oid": "000000000000000000000001"}, "config": {"cls": "New", "method": "sk"}, "results": {"$oid": "0000000000000000000000aa"}})"));
}

}  // namespace
}  // namespace fm
