// Carrying a change over to a document that was edited since.
#include "bson/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "unit/bson_arbitrary.h"
#include "unit/json.h"

namespace fm {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Result {
  bson::Document document;
  std::vector<std::string> conflicts;
};

Result merged(std::string_view base, std::string_view mine, std::string_view theirs) {
  auto out = bson::merge(json(base), json(mine), json(theirs));
  return {std::move(out.document), std::move(out.conflicts)};
}

TEST(Merge, WhatIsUntouchedBecomesTheirsInTheirOrder) {
  const auto out = merged(R"({"b": 1, "a": 1})", R"({"b": 1, "a": 1})", R"({"a": 2, "c": 3, "b": 1})");
  EXPECT_EQ(out.document, json(R"({"a": 2, "c": 3, "b": 1})"));
  EXPECT_THAT(out.conflicts, IsEmpty());
}

TEST(Merge, AnEditElsewhereStays) {
  const auto out = merged(R"({"a": 1, "b": 1})", R"({"b": 5, "a": 1, "new": 7})", R"({"x": 0, "a": 2, "b": 1})");
  EXPECT_EQ(out.document, json(R"({"x": 0, "a": 2, "new": 7, "b": 5})")) << "new keys stand behind their neighbour";
  EXPECT_THAT(out.conflicts, IsEmpty());
}

TEST(Merge, AnEditOfTheSameValueStaysAndIsNamed) {
  const auto out = merged(R"({"a": {"x": 1}})", R"({"a": {"x": 2}})", R"({"a": {"x": 3, "y": 4}})");
  EXPECT_EQ(out.document, json(R"({"a": {"x": 2, "y": 4}})"));
  EXPECT_THAT(out.conflicts, ElementsAre("a.x"));
}

TEST(Merge, WhatWasDeletedSinceStaysDeletedAndIsNamed) {
  const auto out = merged(R"({"a": 1})", "{}", R"({"a": 2})");
  EXPECT_EQ(out.document, json("{}"));
  EXPECT_THAT(out.conflicts, ElementsAre("a"));
}

TEST(Merge, WhatTheyLackGoesUnlessItWasEdited) {
  EXPECT_EQ(merged(R"({"a": 1, "b": 1})", R"({"a": 1, "b": 1, "c": 1})", R"({"b": 1})").document,
            json(R"({"b": 1, "c": 1})"));
  const auto edited = merged(R"({"a": 1})", R"({"a": 2})", "{}");
  EXPECT_EQ(edited.document, json(R"({"a": 2})"));
  EXPECT_THAT(edited.conflicts, ElementsAre("a"));
}

TEST(Merge, ElementsOfListsGoByName) {
  const auto out = merged(R"({"f": [{"name": "a", "v": 1}, {"name": "b", "v": 1}]})",
                          R"({"f": [{"name": "a", "v": 1}, {"name": "mine", "v": 9}, {"name": "b", "v": 2}]})",
                          R"({"f": [{"name": "z"}, {"name": "a", "v": 1, "w": 3}, {"name": "b", "v": 1, "w": 4}]})");
  EXPECT_EQ(out.document, json(R"({"f": [{"name": "z"}, {"name": "a", "v": 1, "w": 3}, {"name": "mine", "v": 9},
                                         {"name": "b", "v": 2, "w": 4}]})"));
  EXPECT_THAT(out.conflicts, IsEmpty());
}

TEST(Merge, ListsOfIdsAreSets) {
  const auto out = merged(R"({"views": []})", R"({"views": [{"$oid": "5f0000000000000000000003"}]})",
                          R"({"views": [{"$oid": "5f0000000000000000000001"}]})");
  EXPECT_EQ(out.document,
            json(R"({"views": [{"$oid": "5f0000000000000000000003"}, {"$oid": "5f0000000000000000000001"}]})"));
  EXPECT_THAT(out.conflicts, IsEmpty());
}

TEST(Merge, OtherListsAreOneValue) {
  const auto out = merged(R"({"a": [1, 2]})", R"({"a": [1, 3]})", R"({"a": [1, 2, 4]})");
  EXPECT_EQ(out.document, json(R"({"a": [1, 3]})"));
  EXPECT_THAT(out.conflicts, ElementsAre("a"));
}

// A container that both made: theirs returns what mine lacks. Further down,
// what stands under the same name is somebody's own.
TEST(Merge, ContainersMadeTwiceMergeAtTheTopOnly) {
  const auto top = merged("{}", R"({"schemas": {"b": 1}})", R"({"schemas": {"a": 1}})");
  EXPECT_EQ(top.document, json(R"({"schemas": {"b": 1, "a": 1}})"));
  EXPECT_THAT(top.conflicts, IsEmpty());
  const auto below =
      merged(R"({"f": []})", R"({"f": [{"name": "x", "v": 1}]})", R"({"f": [{"name": "x", "v": 2, "w": 3}]})");
  EXPECT_EQ(below.document, json(R"({"f": [{"name": "x", "v": 1}]})"));
  EXPECT_THAT(below.conflicts, ElementsAre("f.x"));
}

RC_GTEST_PROP(Merge, AnythingUntouchedBecomesTheirs, ()) {
  const auto base = *rc::gen::arbitrary<bson::Document>();
  const auto theirs = *rc::gen::arbitrary<bson::Document>();
  const auto out = bson::merge(base, base, theirs);
  RC_ASSERT(bson::encode(out.document) == bson::encode(theirs));
  RC_ASSERT(out.conflicts.empty());
  const auto again = bson::merge(base, theirs, theirs);
  RC_ASSERT(bson::encode(again.document) == bson::encode(theirs));
  RC_ASSERT(again.conflicts.empty());
}

RC_GTEST_PROP(Merge, WithoutAChangeOfTheirsMineStays, ()) {
  const auto base = *rc::gen::arbitrary<bson::Document>();
  const auto mine = *rc::gen::arbitrary<bson::Document>();
  const auto out = bson::merge(base, mine, base);
  RC_ASSERT(bson::encode(out.document) == bson::encode(mine));
  RC_ASSERT(out.conflicts.empty());
}

}  // namespace
}  // namespace fm
