// Which passes over collections run as one.
#include "exec/ranges.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/json.h"

namespace fm {
namespace {

using bson::Document;
using ops::Pass;
using testing::ElementsAre;

// "a1" is an update of collection a whose only stage is named 1; a capital
// letter is a join.
Pass pass(const std::string& text) {
  Pass out;
  out.merge = text[0] >= 'A' && text[0] <= 'Z';
  out.collection = std::string(1, out.merge ? static_cast<char>(text[0] - 'A' + 'a') : text[0]);
  out.pipeline.append(text.substr(1));
  out.pending = Document{{text, Document{{"$exists", true}}}};
  return out;
}

std::vector<std::string> shown(const std::vector<Pass>& passes) {
  std::vector<std::string> out;
  for (const auto& one : passes) {
    std::string text = one.collection + ":";
    if (one.merge) text[0] = static_cast<char>(text[0] - 'a' + 'A');
    for (const auto& stage : one.pipeline) text += *stage.as<std::string>();
    out.push_back(text);
  }
  return out;
}

std::vector<std::string> fused(const std::vector<std::string>& passes) {
  std::vector<Pass> list;
  for (const auto& text : passes) list.push_back(pass(text));
  return shown(fuse(std::move(list)));
}

TEST(Fuse, UpdatesOfOneCollectionRunAsOneInTheirOrder) {
  EXPECT_THAT(fused({}), ElementsAre());
  EXPECT_THAT(fused({"a1"}), ElementsAre("a:1"));
  EXPECT_THAT(fused({"a1", "a2", "a3"}), ElementsAre("a:123"));
}

TEST(Fuse, CollectionsDoNotDisturbEachOther) {
  EXPECT_THAT(fused({"a1", "b2", "a3", "b4", "c5"}), ElementsAre("a:13", "b:24", "c:5"));
}

TEST(Fuse, JoinsAreBarriers) {
  EXPECT_THAT(fused({"a1", "A2", "a3"}), ElementsAre("a:1", "A:2", "a:3"));
  EXPECT_THAT(fused({"a1", "b2", "B3", "a4", "b5", "a6"}), ElementsAre("a:1", "b:2", "B:3", "a:46", "b:5"));
  EXPECT_THAT(fused({"A1", "A2"}), ElementsAre("A:1", "A:2"));
}

TEST(Fuse, PendingIsEither) {
  const auto passes = fuse({pass("a1"), pass("a2"), pass("a3")});
  ASSERT_EQ(passes.size(), 1u);
  EXPECT_EQ(passes[0].pending,
            json(R"({"$or": [{"a1": {"$exists": true}}, {"a2": {"$exists": true}}, {"a3": {"$exists": true}}]})"));
}

TEST(Fuse, ExpressionsAreAskedLast) {
  auto costly = pass("a1");
  costly.pending = Document{{"$expr", true}};
  const auto passes = fuse({costly, pass("a2")});
  EXPECT_EQ(passes[0].pending, json(R"({"$or": [{"a2": {"$exists": true}}, {"$expr": true}]})"));
}

TEST(Fuse, LossesAreKept) {
  auto lossy = pass("a2");
  lossy.loss = Document{{"lost", 1}};
  const auto passes = fuse({pass("a1"), lossy});
  ASSERT_EQ(passes.size(), 1u);
  EXPECT_EQ(passes[0].loss, lossy.loss);
  auto other = pass("a3");
  other.loss = Document{{"gone", 1}};
  const auto both = fuse({lossy, other});
  ASSERT_EQ(both.size(), 1u);
  EXPECT_EQ(both[0].loss, json(R"({"$or": [{"lost": 1}, {"gone": 1}]})"));
}

// An earlier stage may change what the filter of a later one looks at.
TEST(Fuse, PassesWithAFilterKeepTheirPlace) {
  auto first = pass("a1");
  first.filter = Document{{"owner", 1}};
  auto same = pass("a2");
  same.filter = first.filter;
  EXPECT_THAT(shown(fuse({first, same})), ElementsAre("a:1", "a:2"));
  EXPECT_THAT(shown(fuse({pass("a1"), same, pass("a3")})), ElementsAre("a:1", "a:2", "a:3"));
  EXPECT_THAT(shown(fuse({pass("b1"), same, pass("b3")})), ElementsAre("b:13", "a:2"));
}

// A pending document goes through all stages: one that makes work for another
// would never come to an end.
TEST(Fuse, PassesThatShareAKeyKeepTheirPlace) {
  auto first = pass("a1");
  first.keys = {"x", "y"};
  auto other = pass("a2");
  other.keys = {"z"};
  auto sharing = pass("a3");
  sharing.keys = {"z", "w"};
  EXPECT_THAT(shown(fuse({first, other, sharing})), ElementsAre("a:12", "a:3"));
  EXPECT_THAT(shown(fuse({first, sharing, other})), ElementsAre("a:13", "a:2"));
}

TEST(Fuse, WholeCollectionsKeepTheirPlace) {
  auto whole = pass("a2");
  whole.whole = true;
  EXPECT_THAT(shown(fuse({pass("a1"), whole, pass("a3")})), ElementsAre("a:1", "a:2", "a:3"));
}

}  // namespace
}  // namespace fm
