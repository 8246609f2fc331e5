// Every operation on one document: what it makes, where keys end up (spec
// dataset-revisions 0.2), what it displaces, and the way back.
#include "ops/operation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "revisions/yaml.h"
#include "unit/steps.h"

namespace fm {
namespace {

using bson::Document;
using bson::Value;
using ops::Step;
using ops::Steps;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string refusal(std::string_view step) {
  try {
    parse(step);
    return "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::kUsage);
    return error.what();
  }
}

struct Row {
  const char* step;
  const char* before;
  const char* after;
  // A step that is repeated has nothing left to do.
  bool repeatable = true;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.step << " on " << row.before; }

class Operations : public testing::TestWithParam<Row> {};

TEST_P(Operations, Gives) {
  const auto& row = GetParam();
  StepRunner once;
  const auto after = once.run(row.step, row.before);
  EXPECT_EQ(after, json(row.after)) << row.step << " on " << row.before;
  if (!row.repeatable) return;
  StepRunner twice;
  EXPECT_EQ(twice.run(parse(row.step), after), after) << "repeated " << row.step;
  EXPECT_THAT(twice.displaced(), IsEmpty());
}

const Row kSetDefault[] = {
    {R"({"set_default": {"path": "b", "value": 1}})", R"({"a": 0})", R"({"a": 0, "b": 1})"},
    {R"({"set_default": {"path": "a", "value": 1}})", R"({"a": null, "b": 2})", R"({"a": null, "b": 2})"},
    {R"({"set_default": {"path": "a", "value": 1, "or_null": true}})", R"({"a": null, "b": 2})", R"({"a": 1, "b": 2})"},
    {R"({"set_default": {"path": "a", "value": 1, "or_null": true}})", R"({"a": [null]})", R"({"a": [null]})"},
    {R"({"set_default": {"path": "a", "value": 1, "or_null": true}})", R"({"a": 0})", R"({"a": 0})"},
    {R"({"set_default": {"path": "a.b", "value": {}}})", R"({"a": {"x": 1}})", R"({"a": {"x": 1, "b": {}}})"},
    {R"({"set_default": {"path": "a.b", "value": 1}})", R"({"c": 1})", R"({"c": 1})"},
    {R"({"set_default": {"path": "a.b", "value": 1}})", R"({"a": null})", R"({"a": null})"},
    {R"({"set_default": {"path": "a.0", "value": 1}})", R"({"a": [5]})", R"({"a": [5]})"},
};
INSTANTIATE_TEST_SUITE_P(SetDefault, Operations, testing::ValuesIn(kSetDefault));

const Row kSet[] = {
    {R"({"set": {"path": "a", "value": [1, "x"]}})", R"({"a": 0, "b": 1})", R"({"a": [1, "x"], "b": 1})"},
    {R"({"set": {"path": "c", "value": null}})", R"({"a": 0})", R"({"a": 0, "c": null})"},
    {R"({"set": {"path": "a.b", "value": 1}})", R"({"a": {"b": {"$numberLong": "1"}}})", R"({"a": {"b": 1}})"},
    {R"({"set": {"path": "a.b", "value": 1}})", R"({"a": 3})", R"({"a": 3})"},
};
INSTANTIATE_TEST_SUITE_P(Set, Operations, testing::ValuesIn(kSet));

const Row kUnset[] = {
    {R"({"unset": {"path": "a"}})", R"({"x": 1, "a": 2, "y": 3})", R"({"x": 1, "y": 3})"},
    {R"({"unset": {"path": ["a", "b.c", "d"]}})", R"({"a": 1, "b": {"c": 2, "e": 3}})", R"({"b": {"e": 3}})"},
    {R"({"unset": {"path": "a.b"}})", R"({"a": [{"b": 1}]})", R"({"a": [{"b": 1}]})"},
};
INSTANTIATE_TEST_SUITE_P(Unset, Operations, testing::ValuesIn(kUnset));

const Row kRename[] = {
    // A new key goes to the end, an existing target keeps its place.
    {R"({"rename": {"from": "a", "to": "c"}})", R"({"a": 1, "b": 2})", R"({"b": 2, "c": 1})"},
    {R"({"rename": {"from": "a", "to": "c"}})", R"({"a": 1, "c": 9, "b": 2})", R"({"c": 1, "b": 2})"},
    {R"({"rename": {"from": "a", "to": "c"}})", R"({"b": 2, "c": 9})", R"({"b": 2, "c": 9})"},
    {R"({"rename": {"from": "a", "to": "x.c"}})", R"({"a": {"k": 1}, "x": {"y": 0}})",
     R"({"x": {"y": 0, "c": {"k": 1}}})"},
    {R"({"rename": {"from": "x.a", "to": "a"}})", R"({"x": {"a": null}})", R"({"x": {}, "a": null})"},
    {R"({"rename": {"from": "a", "to": "x.c"}})", R"({"a": 1})", R"({"a": 1})"},
    {R"({"rename": {"from": "a", "to": "x.c"}})", R"({"a": 1, "x": [1]})", R"({"a": 1, "x": [1]})"},
};
INSTANTIATE_TEST_SUITE_P(Rename, Operations, testing::ValuesIn(kRename));

const Row kMapValue[] = {
    {R"({"map_value": {"path": "a", "table": {"x": 1, "y": "z"}}})", R"({"a": "x"})", R"({"a": 1})"},
    {R"({"map_value": {"path": "a", "table": {"x": 1, "y": "z"}}})", R"({"a": "q", "b": 1})", R"({"a": "q", "b": 1})"},
    {R"({"map_value": {"path": "a", "table": {"x": 1}, "otherwise": []}})", R"({"a": 7})", R"({"a": []})"},
    {R"({"map_value": {"path": "a", "into": "b", "table": {"x": 1}, "otherwise": 0}})", R"({"c": 1})",
     R"({"c": 1, "b": 0})"},
    {R"({"map_value": {"path": "a", "into": "b", "table": {"x": 1}}})", R"({"b": 5, "a": "x"})",
     R"({"b": 1, "a": "x"})"},
    {R"({"map_value": {"path": "a", "into": "b", "table": {"x": 1}, "when": "absent"}})", R"({"b": null, "a": "x"})",
     R"({"b": null, "a": "x"})"},
    {R"({"map_value": {"path": "a", "into": "b", "table": {"x": 1}, "when": "absent"}})", R"({"a": "x"})",
     R"({"a": "x", "b": 1})"},
};
INSTANTIATE_TEST_SUITE_P(MapValue, Operations, testing::ValuesIn(kMapValue));

const Row kCompute[] = {
    {R"({"compute": {"path": "t", "from": "now"}})", R"({"t": 1, "b": 2})",
     R"({"t": {"$date": {"$numberLong": "1700000000123"}}, "b": 2})"},
    {R"({"compute": {"path": "d", "from": "dataset_id"}})", R"({"b": 2})",
     R"({"b": 2, "d": {"$oid": "0123456789abcdef01234567"}})"},
    {R"({"compute": {"path": "t", "from": "id_time"}})", R"({"_id": {"$oid": "65535c0000112233445566ff"}})",
     R"({"_id": {"$oid": "65535c0000112233445566ff"}, "t": {"$date": {"$numberLong": "1699961856000"}}})"},
    {R"({"compute": {"path": "t", "from": "id_time"}})", R"({"_id": {"$numberLong": "-5"}})",
     R"({"_id": {"$numberLong": "-5"}, "t": {"$date": {"$numberLong": "-5"}}})"},
    {R"({"compute": {"path": "t", "from": "id_time"}})", R"({"_id": 1999.9})",
     R"({"_id": 1999.9, "t": {"$date": {"$numberLong": "1999"}}})"},
    {R"({"compute": {"path": "t", "from": "id_time"}})", R"({"_id": null, "t": 1})", R"({"_id": null, "t": null})"},
    {R"({"compute": {"path": "a", "from": {"key": "x.y"}}})", R"({"x": {"y": [1]}})", R"({"x": {"y": [1]}, "a": [1]})"},
    {R"({"compute": {"path": "a", "from": {"key": "x.y"}}})", R"({"x": 1})", R"({"x": 1})"},
    {R"({"compute": {"path": "a", "from": {"concat": ["f.", {"key": "s"}]}}})", R"({"s": "q"})",
     R"({"s": "q", "a": "f.q"})"},
    {R"({"compute": {"path": "a", "from": {"concat": ["f.", {"key": "s"}]}}})", R"({"s": 1})", R"({"s": 1})"},
    {R"({"compute": {"path": "a", "from": {"key": "s"}, "when": "absent"}})", R"({"s": 1, "a": null})",
     R"({"s": 1, "a": null})"},
    {R"({"compute": {"path": "a", "from": {"key": "s"}, "when": "absent_or_null"}})", R"({"a": null, "s": 1})",
     R"({"a": 1, "s": 1})"},
    {R"({"compute": {"path": "a", "from": {"key": "s"}, "when": "absent_or_null"}})", R"({"a": 0, "s": 1})",
     R"({"a": 0, "s": 1})"},
    {R"({"compute": {"path": "x.a", "from": "now"}})", R"({"x": null})", R"({"x": null})"},
};
INSTANTIATE_TEST_SUITE_P(Compute, Operations, testing::ValuesIn(kCompute));

const Row kEach[] = {
    {R"({"each": {"in": "runs", "do": [{"set_default": {"path": "r", "value": null}}]}})",
     R"({"runs": {"a": {}, "b": 5, "c": {"r": 1}}})", R"({"runs": {"a": {"r": null}, "b": 5, "c": {"r": 1}}})"},
    {R"({"each": {"in": ["x", "y.z"], "do": [{"unset": {"path": "k"}}]}})",
     R"({"x": [{"k": 1}, 7], "y": {"z": [{"k": 1, "l": 2}]}})", R"({"x": [{}, 7], "y": {"z": [{"l": 2}]}})"},
    {R"({"each": {"in": "x", "where": {"n": "a"}, "do": [{"set": {"path": "k", "value": 1}}]}})",
     R"({"x": [{"n": "a"}, {"n": "b"}]})", R"({"x": [{"n": "a", "k": 1}, {"n": "b"}]})"},
    {R"({"each": {"in": "x", "do": [{"set": {"path": "k", "value": 1}, "where": {"n": "a"}}]}})",
     R"({"x": [{"n": "a"}, {"n": "b"}]})", R"({"x": [{"n": "a", "k": 1}, {"n": "b"}]})"},
    {R"({"each": {"in": "x", "do": [{"unset": {"path": "k"}}]}})", R"({"x": null})", R"({"x": null})"},
};
INSTANTIATE_TEST_SUITE_P(Each, Operations, testing::ValuesIn(kEach));

const Row kEachField[] = {
    {R"({"each_field": {"in": ["s", "f"], "do": [{"set_default": {"path": "i", "value": null}}]}})",
     R"({"s": [{"name": "a", "fields": [{"name": "b"}]}, null], "f": null})",
     R"({"s": [{"name": "a", "fields": [{"name": "b"}], "i": null}, null], "f": null})"},
    {R"({"each_field": {"in": "s", "recursive": true, "do": [{"set_default": {"path": "i", "value": null}}]}})",
     R"({"s": [{"name": "a", "fields": [{"name": "b", "fields": [{}]}]}, {"fields": null}]})",
     R"({"s": [{"name": "a", "fields": [{"name": "b", "fields": [{"i": null}], "i": null}], "i": null}, {"fields": null, "i": null}]})"},
    {R"({"each_field": {"in": "s", "recursive": true, "where": {"name": "b"}, "do": [{"set": {"path": "name", "value": "B"}}]}})",
     R"({"s": [{"name": "a", "fields": [{"name": "b"}]}]})", R"({"s": [{"name": "a", "fields": [{"name": "B"}]}]})"},
    {R"({"each_field": {"in": "s", "do": [{"unset": {"path": "i"}}]}})", R"({"s": {"x": {"i": 1}}})",
     R"({"s": {"x": {"i": 1}}})"},
};
INSTANTIATE_TEST_SUITE_P(EachField, Operations, testing::ValuesIn(kEachField));

const Row kInsertElement[] = {
    {R"({"insert_element": {"into": "l", "value": {"name": "x"}}})", R"({"l": [{"name": "a"}]})",
     R"({"l": [{"name": "a"}, {"name": "x"}]})"},
    {R"({"insert_element": {"into": "l", "value": {"name": "x"}}})", R"({"l": [{"name": "x", "k": 1}]})",
     R"({"l": [{"name": "x", "k": 1}]})"},
    {R"({"insert_element": {"into": "l", "index": 0, "value": {"name": "x"}}})", R"({"l": [{"name": "a"}]})",
     R"({"l": [{"name": "x"}, {"name": "a"}]})"},
    {R"({"insert_element": {"into": "l", "index": 5, "value": {"name": "x"}}})", R"({"l": [1]})",
     R"({"l": [1, {"name": "x"}]})"},
    {R"({"insert_element": {"into": "l", "after": "a", "value": {"name": "x"}}})",
     R"({"l": [{"name": "a"}, {"name": "a", "k": 1}, {"name": "b"}]})",
     R"({"l": [{"name": "a"}, {"name": "a", "k": 1}, {"name": "x"}, {"name": "b"}]})"},
    {R"({"insert_element": {"into": "l", "after": "a", "value": {"name": "x"}}})", R"({"l": [{"name": "b"}]})",
     R"({"l": [{"name": "b"}]})"},
    {R"({"insert_element": {"into": "l", "value": {"name": "x"}}})", R"({"l": null})", R"({"l": null})"},
    {R"({"insert_element": {"into": "a.l", "value": {"name": "x"}}})", R"({"a": {"l": []}})",
     R"({"a": {"l": [{"name": "x"}]}})"},
};
INSTANTIATE_TEST_SUITE_P(InsertElement, Operations, testing::ValuesIn(kInsertElement));

const Row kRemoveElement[] = {
    {R"({"remove_element": {"from": "l", "name": "x"}})",
     R"({"l": [{"name": "x"}, {"name": "a"}, {"name": "x"}, "x"]})", R"({"l": [{"name": "a"}, "x"]})"},
    {R"({"remove_element": {"from": "l", "name": ["x", "y"]}})", R"({"l": [{"name": "y"}, {"name": "x"}]})",
     R"({"l": []})"},
    {R"({"remove_element": {"from": "l", "name": "x", "last": true}})",
     R"({"l": [{"name": "x"}, {"name": "x", "k": 1}, {}]})", R"({"l": [{"name": "x"}, {}]})", false},
    {R"({"remove_element": {"from": "l", "name": "x"}})", R"({"l": {"name": "x"}})", R"({"l": {"name": "x"}})"},
};
INSTANTIATE_TEST_SUITE_P(RemoveElement, Operations, testing::ValuesIn(kRemoveElement));

const Row kWhere[] = {
    {R"({"set": {"path": "a", "value": 1}, "where": {"m": "video"}})", R"({"m": "video"})",
     R"({"m": "video", "a": 1})"},
    {R"({"set": {"path": "a", "value": 1}, "where": {"m": "video"}})", R"({"m": "image"})", R"({"m": "image"})"},
    {R"({"set": {"path": "a", "value": 1}, "where": {"m": "video"}})", R"({})", R"({})"},
};
INSTANTIATE_TEST_SUITE_P(Where, Operations, testing::ValuesIn(kWhere));

TEST(Operations, ComputedIdOfNoTime) {
  for (const char* id : {R"("2020-01-01")", R"(true)", R"({})", R"(5)", R"({"$numberDouble": "NaN"})",
                         R"({"$numberDouble": "Infinity"})"}) {
    StepRunner runner;
    const auto step = parse(R"({"compute": {"path": "t", "from": "id_time"}})");
    EXPECT_THROW(runner.run(step, Document{{"_id", json_value(id)}}), Error) << id;
  }
}

TEST(Operations, NewIdsAreMadeOfTheRun) {
  const auto step =
      parse(R"({"each": {"in": "x", "do": [{"compute": {"path": "id", "from": "new_id", "when": "absent"}}]}})");
  const auto doc = json(R"({"x": [{}, {}, {"id": 1}]})");
  StepRunner a;
  const auto made = a.run(step, doc);
  const auto& list = *made.find("x")->as<bson::Array>();
  const auto id = [&](std::size_t i) { return *list[i].as<Document>()->find("id")->as<bson::Oid>(); };
  EXPECT_EQ(id(0).time(), kNow / 1000);
  EXPECT_NE(id(0), id(1));
  StepRunner b;
  EXPECT_EQ(b.run(step, doc), made);
  StepRunner other;
  other.context.revision = "9.9.9";
  EXPECT_FALSE(other.run(step, doc) == made);
}

// ---- Displaced values.

TEST(Displaced, EveryValueTakenOrOverwritten) {
  const auto displaced = [](std::string_view step, std::string_view doc) {
    StepRunner runner;
    runner.run(step, doc);
    return runner.displaced();
  };
  // Adding displaces nothing; writing what is there already neither.
  EXPECT_THAT(displaced(R"({"set": {"path": "b", "value": 1}})", R"({"a": 0})"), IsEmpty());
  EXPECT_THAT(displaced(R"({"set": {"path": "a", "value": 1}})", R"({"a": 1})"), IsEmpty());
  EXPECT_THAT(displaced(R"({"set": {"path": "a", "value": 1}})", R"({"x": 0, "a": {"$numberLong": "1"}})"),
              ElementsAre("a: 1 -> 1, behind 'x', lost"));
  // What is empty is no loss.
  EXPECT_THAT(displaced(R"({"unset": {"path": ["a", "b", "c"]}})", R"({"a": null, "b": "", "c": "x"})"),
              ElementsAre("a: null -> gone", "b: \"\" -> gone", "c: \"x\" -> gone, lost"));
  // What comes back by itself is none either.
  EXPECT_THAT(displaced(R"({"unset": {"path": "a", "default": [1]}})", R"({"a": [1]})"),
              ElementsAre("a: [ 1 ] -> gone"));
  EXPECT_THAT(displaced(R"({"unset": {"path": "a", "default": [1]}})", R"({"a": [2]})"),
              ElementsAre("a: [ 2 ] -> gone, lost"));
  EXPECT_THAT(displaced(R"({"unset": {"path": "a", "default_from": {"concat": ["f.", {"key": "s"}]}}})",
                        R"({"s": "q", "a": "f.q"})"),
              ElementsAre("a: \"f.q\" -> gone, behind 's'"));
  EXPECT_THAT(displaced(R"({"unset": {"path": "a", "default_from": {"key": "s"}}})", R"({"s": "q", "a": "r"})"),
              ElementsAre("a: \"r\" -> gone, behind 's', lost"));
  EXPECT_THAT(displaced(R"({"set": {"path": "a", "value": 0, "default": 1}})", R"({"a": 1})"),
              ElementsAre("a: 1 -> 0"));
  EXPECT_THAT(displaced(R"({"set": {"path": "a", "value": 0, "default": 1}})", R"({"a": 2})"),
              ElementsAre("a: 2 -> 0, lost"));
  EXPECT_THAT(displaced(R"({"set": {"path": "a", "value": 0, "lossless": true}})", R"({"a": 2})"),
              ElementsAre("a: 2 -> 0"));
  // Renaming moves; only a target that was there is displaced.
  EXPECT_THAT(displaced(R"({"rename": {"from": "a", "to": "b"}})", R"({"a": 1})"), IsEmpty());
  EXPECT_THAT(displaced(R"({"rename": {"from": "a", "to": "b"}})", R"({"a": 1, "b": 2})"),
              ElementsAre("b: 2 -> 1, lost"));
  // Elements go by name or key.
  EXPECT_THAT(displaced(R"({"each_field": {"in": "s", "recursive": true, "do": [{"unset": {"path": "i"}}]}})",
                        R"({"s": [{"name": "a", "i": 1, "fields": [{"name": "b", "i": 2}, {"i": 3}]}]})"),
              ElementsAre("s.a.i: 1 -> gone, behind 'name', lost", "s.a.b.i: 2 -> gone, behind 'name', lost",
                          "s.a.?.i: 3 -> gone, lost"));
  EXPECT_THAT(displaced(R"({"each": {"in": "r", "do": [{"unset": {"path": "c.m"}}]}})",
                        R"({"r": {"k": {"c": {"l": 0, "m": 1}}}})"),
              ElementsAre("r.k.c.m: 1 -> gone, behind 'l', lost"));
  EXPECT_THAT(
      displaced(R"({"remove_element": {"from": "l", "name": "x"}})", R"({"l": [{"name": "w"}, {"name": "x"}]})"),
      ElementsAre(R"(l.x: { "name" : "x" } -> gone, behind 'w', lost)"));
  EXPECT_THAT(displaced(R"({"remove_element": {"from": "l", "name": "x", "default": {"name": "x"}}})",
                        R"({"l": [{"name": "x"}]})"),
              ElementsAre(R"(l.x: { "name" : "x" } -> gone)"));
}

TEST(Displaced, KnowTheirRevision) {
  StepRunner runner;
  runner.run(R"({"unset": {"path": "a"}})", R"({"a": 1})");
  ASSERT_EQ(runner.context.displaced.size(), 1u);
  EXPECT_EQ(runner.context.displaced[0].revision, "1.2.3");
}

// ---- Documents of other collections.

TEST(Extract, MovesObjectsAndLeavesIds) {
  StepRunner runner;
  const auto after = runner.run(
      R"({"extract": {"fields": ["e", "b"], "into": "runs", "owner": "_dataset_id"}})",
      R"({"e": {"k": {"key": "k", "_id": 5, "v": 1}, "done": {"$oid": "aaaaaaaaaaaaaaaaaaaaaaaa"}}, "b": null})");
  const auto& entries = runner.context.references.entries();
  ASSERT_EQ(entries.size(), 1u);
  const auto id = entries[0].id;
  EXPECT_EQ(after, (Document{{"e", Document{{"k", id}, {"done", *bson::Oid::from_hex("aaaaaaaaaaaaaaaaaaaaaaaa")}}},
                             {"b", bson::Null{}}}));
  EXPECT_EQ(entries[0].collection, "runs");
  EXPECT_FALSE(entries[0].before);
  EXPECT_EQ(*entries[0].after, (Document{{"_id", id}, {"key", "k"}, {"v", 1}, {"_dataset_id", kDatasetId}}));
}

TEST(Inline, PutsDocumentsBackAndDeletesThem) {
  StepRunner runner;
  const std::string id = "aaaaaaaaaaaaaaaaaaaaaaaa";
  runner.others[{"runs", id}] =
      json(R"({"_id": {"$oid": "aaaaaaaaaaaaaaaaaaaaaaaa"}, "key": "k", "_dataset_id": 1, "v": 1})");
  const auto step = parse(R"({"inline": {"fields": ["e"], "from": "runs", "owner": "_dataset_id"}})");
  const auto before = json(
      R"({"e": {"k": {"$oid": "aaaaaaaaaaaaaaaaaaaaaaaa"}, "x": {"y": 1}, "lost": {"$oid": "bbbbbbbbbbbbbbbbbbbbbbbb"}, "z": 1}})");
  std::vector<std::pair<std::string, Value>> named;
  ops::references({step}, before, named);
  EXPECT_EQ(named.size(), 2u);
  EXPECT_EQ(runner.run(step, before), json(R"({"e": {"k": {"key": "k", "v": 1}, "x": {"y": 1}, "z": 1}})"));
  EXPECT_THAT(runner.messages(),
              ElementsAre("Dropping 'lost' from e of dataset 'pictures': its document is missing in 'runs'"));
  EXPECT_THAT(runner.displaced(), ElementsAre(HasSubstr("e.lost: ")));
  const auto& entry = runner.context.references.entries()[0];
  EXPECT_TRUE(entry.before);
  EXPECT_FALSE(entry.after);
}

TEST(Inline, AfterExtractIsTheStart) {
  StepRunner runner;
  const auto extract = parse(R"({"extract": {"fields": ["e"], "into": "runs", "owner": "o"}})");
  const auto back = ops::inverse({extract});
  ASSERT_TRUE(back);
  const auto doc = json(R"({"e": {"a": {"key": "a", "config": {}}, "b": {}}})");
  const auto moved = runner.run(extract, doc);
  EXPECT_FALSE(moved == doc);
  EXPECT_EQ(runner.run(back->front(), moved), doc);
  for (const auto& entry : runner.context.references.entries()) EXPECT_FALSE(entry.after);
}

TEST(DropReferences, RemovesTheListAndItsDocuments) {
  StepRunner runner;
  runner.others[{"views", "aaaaaaaaaaaaaaaaaaaaaaaa"}] =
      json(R"({"_id": {"$oid": "aaaaaaaaaaaaaaaaaaaaaaaa"}, "name": "v"})");
  const auto step = parse(R"({"drop_references": {"field": "saved", "collection": "views"}})");
  const auto before =
      json(R"({"saved": [{"$oid": "aaaaaaaaaaaaaaaaaaaaaaaa"}, {"$oid": "bbbbbbbbbbbbbbbbbbbbbbbb"}], "z": 1})");
  std::vector<std::pair<std::string, Value>> named;
  ops::references({step}, before, named);
  EXPECT_EQ(named.size(), 2u);
  EXPECT_EQ(runner.run(step, before), json(R"({"z": 1})"));
  EXPECT_THAT(runner.displaced(), ElementsAre(testing::AllOf(HasSubstr("(views): "), HasSubstr("lost")),
                                              testing::AllOf(HasSubstr("saved: "), HasSubstr("lost"))));
  StepRunner mapping;
  EXPECT_EQ(mapping.run(R"({"drop_references": {"field": "runs", "collection": "runs"}})", R"({"runs": {}})"),
            Document{});
  EXPECT_THAT(mapping.displaced(), ElementsAre("runs: {  } -> gone"));
}

TEST(DropCollections, OnlyWhatNoDatasetNames) {
  const auto victims = [](std::string_view text, const std::set<std::string>& collections,
                          const std::set<std::string>& named) {
    return std::get<ops::DropCollections>(parse(text).operation).victims(collections, named);
  };
  const std::set<std::string> all = {"frames.samples.1", "samples.1", "frames.2", "2",
                                     "frames.samples.9", "frames.7",  "runs",     "frames"};
  EXPECT_THAT(
      victims(
          R"({"collection": {"drop": "unreferenced", "prefixes": ["frames."], "only_without_remainder": true}, "over": "database"})",
          all, {"frames.7"}),
      ElementsAre("frames.samples.9"));
  EXPECT_THAT(
      victims(R"({"collection": {"drop": "unreferenced", "prefixes": ["samples.", "frames."]}, "over": "database"})",
              all, {"samples.1", "frames.samples.1"}),
      ElementsAre("frames.2", "frames.7", "frames.samples.9"));
}

// ---- Guards and warnings.

TEST(Guard, RefusesWhereItsConditionHolds) {
  const auto step = parse(
      R"({"guard": {"refuse": "no {dataset} with {name} {a.b} {none} {none|?} {list}", "error": "E", "remedy": "R"}, "where": {"x": 1}})");
  StepRunner runner;
  const auto doc = json(R"({"x": 2})");
  EXPECT_EQ(runner.run(step, doc), doc);
  try {
    runner.run(step, json(R"({"x": 1, "name": "n", "a": {"b": null}, "list": [1]})"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::kPrecondition);
    EXPECT_STREQ(error.what(), "no pictures with n None None ? [ 1 ]");
    EXPECT_EQ(error.type(), "E");
    EXPECT_EQ(error.remedy(), "R");
  }
  EXPECT_TRUE(ops::is_guard(step));
  EXPECT_TRUE(ops::is_guard(
      parse(R"({"each_field": {"in": "f", "do": [{"each": {"in": "g", "do": [{"guard": {"refuse": "x"}}]}}]}})")));
  EXPECT_FALSE(ops::is_guard(parse(R"({"each": {"in": "g", "do": [{"unset": {"path": "x"}}]}})")));
}

TEST(Warn, NamesKeysAndValues) {
  StepRunner runner;
  runner.run(R"({"each": {"in": "r", "do": [{"warn": {"text": "{dataset} {@key} v{version|????}"}}]}})",
             R"({"r": {"a": {"version": "1"}, "b": {}, "c": {"version": null}}})");
  EXPECT_THAT(runner.messages(), ElementsAre("pictures a v1", "pictures b v????", "pictures c vNone"));
}

// ---- Over collections.

TEST(CollectionSteps, AreNotedWithTheirArguments) {
  const auto work = [](std::string_view step, std::string_view doc) {
    StepRunner runner;
    const auto parsed = parse(step);
    EXPECT_EQ(runner.run(parsed, json(doc)), json(doc));
    std::vector<std::string> out;
    for (const auto& one : runner.context.work) {
      EXPECT_EQ(one.step, &parsed);
      EXPECT_EQ(one.revision, "1.2.3");
      out.push_back(one.collection + " | " + one.frames + " | " + bson::shown(one.filter));
    }
    return out;
  };
  const char* video = R"({"sample_collection_name": "samples.1", "frame_collection_name": "other"})";
  const char* clips = R"({"sample_collection_name": "clips.1", "frame_collection_name": "frames.samples.1"})";
  EXPECT_THAT(work(R"({"unset": {"path": "x"}, "over": "samples"})", video),
              ElementsAre("samples.1 | frames.samples.1 | { }"));
  EXPECT_THAT(work(R"({"unset": {"path": "x"}, "over": "frames"})", video), ElementsAre("other |  | { }"));
  EXPECT_THAT(work(R"({"unset": {"path": "x"}, "over": "sample_frames"})", video),
              ElementsAre("frames.samples.1 |  | { }"));
  EXPECT_THAT(work(R"({"unset": {"path": "x"}, "over": {"collection": "ops", "owner": "dataset_id"}})", video),
              ElementsAre(R"(ops |  | { "dataset_id" : { "$oid" : "0123456789abcdef01234567" } })"));
  // A clips dataset does not own its frames.
  EXPECT_THAT(work(R"({"unset": {"path": "x"}, "over": "samples"})", clips), ElementsAre("clips.1 |  | { }"));
  EXPECT_THAT(work(R"({"unset": {"path": "x"}, "over": "frames"})", clips), IsEmpty());
  EXPECT_THAT(work(R"({"unset": {"path": "x"}, "over": "sample_frames"})", clips), IsEmpty());
  // No collection, no work; a condition that does not hold neither.
  EXPECT_THAT(work(R"({"unset": {"path": "x"}, "over": "samples"})", R"({"sample_collection_name": null})"), IsEmpty());
  EXPECT_THAT(work(R"({"unset": {"path": "x"}, "over": "frames"})", R"({"sample_collection_name": "samples.1"})"),
              IsEmpty());
  EXPECT_THAT(work(R"({"unset": {"path": "x"}, "over": "samples", "where": {"media_type": "video"}})", video),
              IsEmpty());
}

TEST(CollectionSteps, PendingIsWhatTheyWouldChange) {
  StepRunner runner;
  const auto step = parse(
      R"({"rename": {"from": "a", "to": "b"}, "over": {"collection": "c", "owner": "o"}, "filter": {"a": {"ends_with": ".log"}}})");
  for (const auto& [doc, expected] : std::vector<std::pair<const char*, bool>>{
           {R"({"a": "x.log"})", true}, {R"({"a": "x"})", false}, {R"({"b": "x.log"})", false}}) {
    auto member = json(doc);
    EXPECT_EQ(ops::pending(step, member, runner.context), expected) << doc;
    ops::apply_to_member(step, member, runner.context);
    EXPECT_FALSE(ops::pending(step, member, runner.context)) << doc;
    EXPECT_EQ(member.has("b") && !member.has("a"), expected || json(doc).has("b"));
  }
}

TEST(CollectionSteps, NeedAServerSideForm) {
  EXPECT_THAT(refusal(R"({"each": {"in": "x", "do": [{"unset": {"path": "a"}}]}, "over": "samples"})"),
              HasSubstr("no server-side form"));
  EXPECT_THAT(refusal(R"({"unset": {"path": "a.b"}, "over": "samples"})"), HasSubstr("no server-side form"));
  EXPECT_THAT(refusal(R"({"unset": {"path": "$a"}, "over": "frames"})"), HasSubstr("no server-side form"));
  EXPECT_THAT(refusal(R"({"set": {"path": "a.b", "value": 1}, "over": "frames"})"), HasSubstr("no server-side form"));
  EXPECT_THAT(refusal(R"({"compute": {"path": "a", "from": "now", "when": "absent"}, "over": "frames"})"),
              HasSubstr("no server-side form"));
  EXPECT_THAT(refusal(R"({"unset": {"path": "a"}, "over": "samples", "filter": {"b": {"truthy": true}}})"),
              HasSubstr("'filter'"));
}

// ---- Inverses.

// The way back of a list of steps, as descriptions; "none" when there is none.
std::string way_back(const std::vector<const char*>& steps) {
  Steps parsed;
  for (const auto* step : steps) parsed.push_back(parse(step));
  const auto back = ops::inverse(parsed);
  if (!back) return "none";
  std::string out;
  for (const auto& step : *back) out += (out.empty() ? "" : "; ") + ops::describe(step);
  return out;
}

TEST(Inverse, OfEveryOperation) {
  EXPECT_EQ(way_back({R"({"set_default": {"path": "a", "value": 1}})"}), "remove a");
  EXPECT_EQ(way_back({R"({"set_default": {"path": "a", "value": 1, "or_null": true}})"}), "none");
  EXPECT_EQ(way_back({R"({"set": {"path": "a", "value": 1}})"}), "none");
  EXPECT_EQ(way_back({R"({"unset": {"path": "a"}})"}), "none");
  EXPECT_EQ(way_back({R"({"rename": {"from": "a", "to": "b"}})"}), "rename b to a");
  EXPECT_EQ(way_back({R"({"rename": {"from": "a", "to": "b"}, "over": "samples"})"}), "samples: rename b to a");
  EXPECT_EQ(way_back({R"({"map_value": {"path": "a", "table": {"x": "y", "z": "w"}}})"}), "set a by a");
  EXPECT_EQ(way_back({R"({"map_value": {"path": "a", "table": {"x": "y", "z": "y"}}})"}), "none");
  EXPECT_EQ(way_back({R"({"map_value": {"path": "a", "table": {"x": 1}}})"}), "none");
  EXPECT_EQ(way_back({R"({"map_value": {"path": "a", "table": {"x": "y"}, "otherwise": "z"}})"}), "none");
  EXPECT_EQ(way_back({R"({"compute": {"path": "a", "from": {"key": "b"}, "when": "absent"}})"}), "remove a");
  EXPECT_EQ(way_back({R"({"compute": {"path": "a", "from": "now"}})"}), "none");
  EXPECT_EQ(way_back({R"({"insert_element": {"into": "l", "value": {"name": "x"}}})"}), "remove x from l");
  EXPECT_EQ(way_back({R"({"remove_element": {"from": "l", "name": "x"}})"}), "none");
  EXPECT_EQ(way_back({R"({"drop_references": {"field": "f", "collection": "c"}})"}), "none");
  EXPECT_EQ(way_back({R"({"collection": {"drop": "unreferenced", "prefixes": "p"}, "over": "database"})"}), "none");
  EXPECT_EQ(way_back({R"({"custom": {"function": "dataset_name"}})"}), "none");
  EXPECT_EQ(way_back({R"({"warn": {"text": "x"}, "where": {"a": 1}})"}), "");
  EXPECT_EQ(way_back({R"({"guard": {"refuse": "x"}})"}), "");
  // Last first.
  EXPECT_EQ(way_back({R"({"set_default": {"path": "a", "value": 1}})", R"({"rename": {"from": "b", "to": "c"}})"}),
            "rename c to b; remove a");
  EXPECT_EQ(
      way_back(
          {R"({"each": {"in": "x", "do": [{"set_default": {"path": "a", "value": 1}}, {"rename": {"from": "b", "to": "c"}}]}})"}),
      "in each of x: rename c to b; remove a");
  EXPECT_EQ(
      way_back(
          {R"({"each_field": {"in": "x", "recursive": true, "do": [{"set_default": {"path": "a", "value": 1}}]}})"}),
      "in each field of x, nested ones too: remove a");
  // Nothing can be said about what a condition left alone.
  EXPECT_EQ(way_back({R"({"set_default": {"path": "a", "value": 1}, "where": {"b": 1}})"}), "none");
  EXPECT_EQ(
      way_back({R"({"each": {"in": "x", "where": {"b": 1}, "do": [{"set_default": {"path": "a", "value": 1}}]}})"}),
      "none");
}

TEST(Inverse, ComesBackToTheStart) {
  for (const auto& [text, before] : std::vector<std::pair<const char*, const char*>>{
           {R"({"set_default": {"path": "a", "value": 1}})", R"({"b": 1})"},
           {R"({"rename": {"from": "a", "to": "b"}})", R"({"c": 0, "a": 1})"},
           {R"({"map_value": {"path": "a", "table": {"x": "y", "z": "w"}}})", R"({"a": "z"})"},
           {R"({"compute": {"path": "a", "from": {"key": "b"}, "when": "absent"}})", R"({"b": 1})"},
           {R"({"insert_element": {"into": "l", "index": 1, "value": {"name": "x"}}})", R"({"l": [1, 2]})"},
           {R"({"each_field": {"in": "l", "recursive": true, "do": [{"set_default": {"path": "a", "value": 1}}]}})",
            R"({"l": [{"fields": [{}]}]})"},
       }) {
    StepRunner runner;
    const Steps steps{parse(text)};
    const auto back = ops::inverse(steps);
    ASSERT_TRUE(back) << text;
    auto doc = json(before);
    ops::apply(steps, doc, runner.context);
    EXPECT_FALSE(doc == json(before)) << text;
    ops::apply(*back, doc, runner.context);
    EXPECT_EQ(doc, json(before)) << text;
    for (const auto& displaced : runner.context.displaced) EXPECT_FALSE(displaced.lost) << text;
  }
}

TEST(Losses, AreNamed) {
  const auto losses = [](std::string_view step) { return ops::loses(parse(step)); };
  EXPECT_THAT(losses(R"({"set_default": {"path": "a", "value": 1}})"), IsEmpty());
  EXPECT_THAT(losses(R"({"unset": {"path": ["a", "b.c"]}})"), ElementsAre("a", "b.c"));
  EXPECT_THAT(losses(R"({"each": {"in": ["x", "y"], "do": [{"unset": {"path": "a"}}]}})"),
              ElementsAre("x.*.a", "y.*.a"));
  EXPECT_THAT(losses(R"({"each_field": {"in": "x", "do": [{"unset": {"path": "a"}}]}})"), ElementsAre("x[*].a"));
  EXPECT_THAT(losses(R"({"remove_element": {"from": "l", "name": ["x", "y"]}})"), ElementsAre("l.x", "l.y"));
  EXPECT_THAT(losses(R"({"drop_references": {"field": "f", "collection": "c"}})"), ElementsAre("f", "documents of c"));
  EXPECT_THAT(losses(R"({"map_value": {"path": "a", "table": {"x": "y"}}})"), IsEmpty());
  EXPECT_THAT(losses(R"({"map_value": {"path": "a", "table": {"x": 1}}})"), ElementsAre("a"));
  EXPECT_THAT(losses(R"({"compute": {"path": "a", "from": "id_time"}})"), IsEmpty());
  EXPECT_THAT(losses(R"({"compute": {"path": "a", "from": "now"}})"), ElementsAre("a"));
}

// ---- Reading steps.

TEST(Parsing, RefusesWhatIsNoStep) {
  EXPECT_THAT(refusal(R"({})"), HasSubstr("without an operation"));
  EXPECT_THAT(refusal(R"({"where": {"a": 1}})"), HasSubstr("without an operation"));
  EXPECT_THAT(refusal(R"({"frobnicate": {}})"), HasSubstr("unknown operation 'frobnicate'"));
  EXPECT_THAT(refusal(R"({"unset": {"path": "a"}, "set": {"path": "a", "value": 1}})"),
              HasSubstr("found 'set' as well"));
  EXPECT_THAT(refusal(R"({"unset": "a"})"), HasSubstr("'unset' needs a mapping"));
  EXPECT_THAT(refusal(R"({"unset": {"path": "a"}, "where": 1})"), HasSubstr("'where' must be a mapping"));
  EXPECT_THAT(refusal(R"({"unset": {"path": "a"}, "filter": []})"), HasSubstr("'filter' must be a mapping"));
  EXPECT_THAT(refusal(R"({"unset": {"path": "a"}, "where": {"b": {"is": 1}}})"),
              HasSubstr("unknown condition 'is' on 'b'"));
  EXPECT_THAT(refusal(R"({"unset": {"path": "a"}, "over": "labels"})"), HasSubstr("unknown target 'labels'"));
  EXPECT_THAT(refusal(R"({"unset": {"path": "a"}, "over": {"owner": "c"}})"),
              HasSubstr("{collection: NAME, owner: KEY}"));
  EXPECT_THAT(refusal(R"({"unset": {"path": "a"}, "over": {"collection": "c", "owner": ""}})"),
              HasSubstr("{collection: NAME, owner: KEY}"));
}

TEST(Parsing, RefusesWrongArguments) {
  const std::vector<std::pair<const char*, const char*>> rows = {
      {R"({"set_default": {"value": 1}})", "set_default: argument 'path' is missing"},
      {R"({"set_default": {"path": "", "value": 1}})", "'path' is empty"},
      {R"({"set_default": {"path": "a"}})", "argument 'value' is missing"},
      {R"({"set_default": {"path": "a", "value": 1, "or_null": 1}})", "'or_null' must be true or false"},
      {R"({"set": {"path": 1, "value": 1}})", "'path' must be a string"},
      {R"({"set": {"path": "a", "value": 1, "extra": 1}})", "unknown argument 'extra'"},
      {R"({"unset": {"path": []}})", "a string or a list of strings"},
      {R"({"unset": {"path": ["a", 1]}})", "a string or a list of strings"},
      {R"({"unset": {"path": "a", "default": 1, "default_from": {"key": "b"}}})", "exclude each other"},
      {R"({"rename": {"from": "a"}})", "'to' is missing"},
      {R"({"rename": {"from": "a", "to": "a"}})", "rename:"},
      {R"({"rename": {"from": "a", "to": "a.b"}})", "rename:"},
      {R"({"rename": {"from": "a.b", "to": "a"}})", "rename:"},
      {R"({"map_value": {"path": "a"}})", "'table' is missing"},
      {R"({"map_value": {"path": "a", "table": []}})", "'table' must be a mapping"},
      {R"({"map_value": {"path": "a", "table": {}}})", "map_value:"},
      {R"({"map_value": {"path": "a", "table": {"x": 1}, "when": "null"}})", "'when' can only be 'absent'"},
      {R"({"compute": {"path": "a", "from": "tomorrow"}})", "unknown source 'tomorrow'"},
      {R"({"compute": {"path": "a", "from": 1}})", "a source is a word"},
      {R"({"compute": {"path": "a", "from": {"concat": []}}})", "a source is a word"},
      {R"({"compute": {"path": "a", "from": {"concat": [1]}}})", "'concat' takes strings"},
      {R"({"compute": {"path": "a", "from": "now", "when": "never"}})", "'when' is 'absent' or"},
      {R"({"each": {"in": "x"}})", "'do' is missing"},
      {R"({"each": {"in": "x", "do": []}})", "'do' is empty"},
      {R"({"each": {"in": "x", "do": [1]}})", "'do' must be a list of steps"},
      {R"({"each": {"in": "x", "do": {"unset": {"path": "a"}}}})", "'do' must be a list"},
      {R"({"each": {"in": "x", "do": [{"unset": {"path": "a"}, "over": "samples"}]}})", "each:"},
      {R"({"each_field": {"in": "x", "do": [{"unset": {"path": "a"}, "filter": {"a": 1}}]}})", "each_field:"},
      {R"({"each_field": {"in": "x", "recursive": "yes", "do": [{"unset": {"path": "a"}}]}})",
       "'recursive' must be true or false"},
      {R"({"insert_element": {"into": "l", "value": {}}})", "'value' needs a name"},
      {R"({"insert_element": {"into": "l", "value": 1}})", "'value' must be a mapping"},
      {R"({"insert_element": {"into": "l", "value": {"name": "x"}, "index": -1}})", "'index' is negative"},
      {R"({"insert_element": {"into": "l", "value": {"name": "x"}, "index": "0"}})", "'index' must be an integer"},
      {R"({"insert_element": {"into": "l", "value": {"name": "x"}, "index": 0, "after": "y"}})", "exclude each other"},
      {R"({"extract": {"fields": "e", "into": "runs"}})", "'owner' is missing"},
      {R"({"inline": {"fields": "e", "owner": "o"}})", "'from' is missing"},
      {R"({"drop_references": {"field": "e"}})", "'collection' is missing"},
      {R"({"collection": {"drop": "everything", "prefixes": "x"}})", "'drop' can only be 'unreferenced'"},
      {R"({"guard": {}})", "'refuse' is missing"},
      {R"({"warn": {"text": 1}})", "'text' must be a string"},
      {R"({"custom": {"function": "magic"}})", "unknown function 'magic'"},
      {R"({"custom": {"function": "polyline_shapes"}, "over": "samples"})", "'wrap' is missing"},
      {R"({"custom": {"function": "polyline_shapes", "wrap": 1}, "over": "samples"})", "'wrap' must be true or false"},
      {R"({"custom": {"function": "frame_map", "up": true, "x": 1}, "over": "samples"})", "unknown argument 'x'"},
      {R"({"custom": {"function": "similarity_runs", "field": "f"}})", "'from' is missing"},
  };
  for (const auto& [step, expected] : rows) EXPECT_THAT(refusal(step), HasSubstr(expected)) << step;
}

TEST(Parsing, KnowsTheClosedSet) {
  EXPECT_THAT(ops::operation_names(),
              testing::UnorderedElementsAre("set_default", "set", "unset", "rename", "map_value", "compute", "each",
                                            "each_field", "insert_element", "remove_element", "extract", "inline",
                                            "drop_references", "collection", "index", "remove_documents", "guard",
                                            "warn", "custom"));
}

// ---- Errors in files name the place.

std::string revision_error(std::string_view text) {
  try {
    parse_revision("x.yaml", text);
    return "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::kUsage);
    return error.what();
  }
}

TEST(RevisionFiles, NameThePlaceOfAnError) {
  const std::string head = "version: 1.0.0\ntitle: t\nsource: s\ndown_label: exact\n";
  EXPECT_EQ(revision_error(head + "up: []\n"), "accepted");
  EXPECT_THAT(revision_error(head + "up:\n  - unset: {path: a}\n"),
              HasSubstr("x.yaml:6:3: the way down cannot be derived"));
  EXPECT_THAT(revision_error(head + "up:\n  - warn: {text: a}\n  - unset: {}\ndown: []\n"),
              HasSubstr("x.yaml:7:5: unset: argument 'path' is missing"));
  EXPECT_THAT(revision_error(head + "up: []\ndown:\n  - each:\n      in: a\n      do:\n        - unset: {path: b}\n    "
                                    "      where: {c: {like: d}}\n"),
              HasSubstr("x.yaml:7:5: unknown condition 'like' on 'c'"));
  EXPECT_THAT(revision_error(head + "up: []\ndown:\n  - unset: {path: a}\n    over: moon\n"),
              HasSubstr("x.yaml:7:5: 'over' names the unknown target 'moon'"));
  EXPECT_THAT(revision_error(head + "up:\n  - unset: {path: a, path: b}\n"),
              HasSubstr("x.yaml:6:22: 'path' is there twice"));
  EXPECT_THAT(revision_error(head + "up: {}\n"), HasSubstr("x.yaml:5:5: a list of steps"));
  EXPECT_THAT(revision_error(head + "up:\n  - warn\n"), HasSubstr("x.yaml:6:5: a mapping is expected"));
  EXPECT_THAT(revision_error(head + "up: []\nsideways: []\n"), HasSubstr("x.yaml:6:1: unknown key 'sideways'"));
  EXPECT_THAT(revision_error("version: one\ntitle: t\nsource: s\ndown_label: exact\nup: []\n"),
              HasSubstr("x.yaml:1:10: 'one' is not a version"));
  EXPECT_THAT(revision_error("version: 1.0.0\ntitle: t\nsource: s\ndown_label: free\nup: []\n"),
              HasSubstr("x.yaml:4:13: 'down_label'"));
  EXPECT_THAT(revision_error("version: 1.0.0\nsource: s\ndown_label: exact\nup: []\n"),
              HasSubstr("x.yaml:1:1: 'title' is missing"));
  EXPECT_THAT(revision_error(head), HasSubstr("'up' is missing"));
  EXPECT_THAT(revision_error("- a\n"), HasSubstr("x.yaml:1:1: a revision is a mapping"));
  EXPECT_THAT(revision_error("a: [\n"), HasSubstr("x.yaml:"));
}

TEST(RevisionFiles, HaveTypedValues) {
  const auto revision = parse_revision(
      "x.yaml",
      "version: 1.0.0\ntitle: t\nsource: s\ndown_label: exact\nup:\n"
      "  - set_default: {path: a, value: {i: 1, l: 5000000000, d: 0.7, t: true, n: null, e: , s: '1', w: word}}\n"
      "  - set_default: {path: f, value: !fields [id:ObjectIdField, tags:ListField/StringField]}\n");
  EXPECT_EQ(
      std::get<ops::SetDefault>(revision.up[0].operation).value,
      Value(json(
          R"({"i": 1, "l": {"$numberLong": "5000000000"}, "d": 0.7, "t": true, "n": null, "e": null, "s": "1", "w": "word"})")));
  EXPECT_EQ(
      std::get<ops::SetDefault>(revision.up[1].operation).value,
      json_value(
          R"([{"_cls": "SampleFieldDocument", "name": "id", "ftype": "fiftyone.core.fields.ObjectIdField", "subfield": null,
                            "embedded_doc_type": null, "db_field": "_id", "fields": []},
                           {"_cls": "SampleFieldDocument", "name": "tags", "ftype": "fiftyone.core.fields.ListField",
                            "subfield": "fiftyone.core.fields.StringField", "embedded_doc_type": null, "db_field": "tags", "fields": []}])"));
  EXPECT_EQ(revision.up[0].line, 6);
  EXPECT_EQ(revision.down.size(), 2u);
  EXPECT_EQ(revision.checksum.size(), 64u);
}

}  // namespace
}  // namespace fm
