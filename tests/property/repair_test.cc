// A repair that is cut off before or after any of its writes, its undo, and
// edits of other clients in between.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>

#include "exec/repair.h"
#include "property/stored_run.h"

namespace fm {
namespace {

using bson::Array;
using bson::Binary;
using bson::Document;
using bson::Oid;
using bson::Value;
using stored::content;
using stored::cut_off;
using stored::difference;
using stored::store;
using stored::Stored;

constexpr int kMostWrites = 1000;
const Oid kNobody{{9, 9, 9}};
const Oid kFile{{8, 8, 8}};

std::string text_of(const Document& dataset, const char* key) { return *dataset.find(key)->as<std::string>(); }

Document& first_run(FakeDatabase& db, const char* field) {
  const auto& runs = *db.dataset.find(field)->as<Document>();
  auto* run = db.find("runs", runs[0].value);
  EXPECT_TRUE(run);
  return *run;
}

// A dataset with one damage of each way of mending.
FakeDatabase damaged() {
  auto db = modern_dataset(Content::kFull, "video");
  for (const char* key : {"sample_collection_name", "frame_collection_name"}) {
    for (auto& member : db.collections[text_of(db.dataset, key)]) member.set("_dataset_id", kNobody);
  }
  // A second mend of the same samples.
  for (auto& sample : db.collections[text_of(db.dataset, "sample_collection_name")]) {
    auto* label = sample.find("my Polyline");
    auto* points = label && label->as<Document>() ? label->as<Document>()->find("points") : nullptr;
    if (points) *points = Array{*points};
  }
  // An inline run becomes a document of its own; one of its kind is gone.
  auto& evaluations = *db.dataset.find("evaluations")->as<Document>();
  const auto inlined = first_run(db, "evaluations");
  std::erase(db.collections["runs"], inlined);
  evaluations[0].value = inlined;
  evaluations.append("gone", kNobody);
  // Results are copied with another class name.
  auto& similar = first_run(db, "brain_methods");
  similar.set("config", Document{{"cls", "fiftyone.brain.similarity.SimilarityConfig"}});
  similar.set("results", kFile);
  const std::string json = R"({"cls": "fiftyone.brain.similarity.SimilarityResults", "embeddings": [1, 2]})";
  db.collections["fs.files"].push_back(
      {{"_id", kFile}, {"chunkSize", 261120}, {"length", static_cast<std::int64_t>(json.size())}});
  db.collections["fs.chunks"].push_back({{"_id", Oid{{7}}}, {"files_id", kFile}, {"n", 0}, {"data", Binary{0, json}}});
  db.collections["config"].push_back({{"_id", 0}, {"version", "1.22.1"}, {"type", "fiftyone"}});
  return db;
}

void put_damaged() {
  static const auto db = damaged();
  store(db, "1.22.1");
}

RunSettings settings() {
  RunSettings out;
  out.jobs = 1;
  return out;
}

// The same command, as often as it takes.
RepairReport repair(const std::string& seed) {
  auto& mongo = test_server();
  stored::Silent silent;
  if (const auto left = Journal(mongo).unfinished()) {
    const auto finished =
        Runner(mongo, built_in_catalogue(), left->now_ms, left->seed, settings(), silent).roll_forward(*left);
    if (!finished.failures.empty()) throw finished.failures.front().error;
  }
  const auto found = verify(mongo, built_in_catalogue(), read_heads(mongo), {});
  const bool any = std::any_of(found.problems.begin(), found.problems.end(),
                               [](const Problem& problem) { return !problem.mend.empty(); });
  if (!any) return {};
  return Repair(mongo, built_in_catalogue(), stored::kNow, seed, settings(), silent).run(found, {});
}

std::vector<std::string> mendable() {
  std::vector<std::string> out;
  for (const auto& problem : verify(test_server(), built_in_catalogue(), read_heads(test_server()), {}).problems) {
    if (!problem.mend.empty()) out.push_back(problem.code);
  }
  return out;
}

class RepairTest : public testing::Test {
 protected:
  ~RepairTest() override { test_server().at_writes({}); }
};

TEST_F(RepairTest, MendsEverythingOnceAndGoesBackToTheByte) {
  put_damaged();
  const auto start = content();
  const auto codes = mendable();
  EXPECT_EQ(std::set<std::string>(codes.begin(), codes.end()),
            (std::set<std::string>{"several-configs", "revision-pending", "reference-gone", "results-gone",
                                   "stamp-of-nobody", "points-wrapped-twice", "indexes-missing"}));
  const auto report = repair("a seed");
  EXPECT_TRUE(report.failures.empty());
  for (const auto& one : report.mended) EXPECT_GT(one.documents, 0) << one.problem.code;
  EXPECT_TRUE(mendable().empty());
  const auto mended = content();
  stored::undo("last", "undo");
  EXPECT_TRUE(content() == start) << difference(content(), start);
  stored::undo("last", "redo");
  EXPECT_TRUE(content() == mended) << difference(content(), mended);
}

TEST_F(RepairTest, TheNextCommandEndsWhereAnUndisturbedOneDoes) {
  put_damaged();
  const auto start = content();
  repair("the first seed");
  const auto undisturbed = content();
  for (int cut = 1;; ++cut) {
    ASSERT_LT(cut, kMostWrites);
    put_damaged();
    if (!cut_off(cut, [] { repair("the first seed"); })) {
      EXPECT_GT(cut, 20);
      break;
    }
    // Before the first boundary no seed was kept.
    const std::string seed = cut == 1 ? "the first seed" : "another seed";
    if (cut % 2 == 0) {
      repair(seed);
    } else {
      // A migration finishes it, too.
      stored::migrate_to("1.22.1", seed);
      repair(seed);
    }
    ASSERT_TRUE(content() == undisturbed) << "cut off at boundary " << cut << "\n"
                                          << difference(content(), undisturbed);
    EXPECT_FALSE(test_server().find_one("migrator.journal", {})) << "cut off at boundary " << cut;
    EXPECT_TRUE(mendable().empty());
    stored::undo("last", "undo");
    ASSERT_TRUE(content() == start) << "cut off at boundary " << cut << "\n" << difference(content(), start);
  }
}

TEST_F(RepairTest, ACutOneGoesBack) {
  put_damaged();
  const auto start = content();
  for (int cut = 1;; ++cut) {
    ASSERT_LT(cut, kMostWrites);
    put_damaged();
    if (!cut_off(cut, [] { repair("a seed"); })) return;
    if (Residue(test_server()).runs().empty()) continue;
    stored::undo("last", "undo");
    ASSERT_TRUE(content() == start) << "cut off at boundary " << cut << "\n" << difference(content(), start);
  }
}

TEST_F(RepairTest, AnUndoThatWasCutOffGoesOn) {
  put_damaged();
  const auto start = content();
  for (int cut = 1;; ++cut) {
    ASSERT_LT(cut, kMostWrites);
    put_damaged();
    const auto run = repair("a seed").run;
    if (!cut_off(cut, [&] { stored::undo(run, "the first seed"); })) return;
    if (cut % 2 == 0 || !Journal(test_server()).unfinished()) {
      const auto record = Residue(test_server()).run(run);
      if (!record->undone_by || Journal(test_server()).unfinished()) stored::undo(run, "the first seed");
    } else {
      stored::migrate_to("1.22.1", "another seed");
    }
    ASSERT_TRUE(content() == start) << "cut off at boundary " << cut << "\n" << difference(content(), start);
    EXPECT_FALSE(test_server().find_one("migrator.journal", {})) << "cut off at boundary " << cut;
  }
}

// Documents that were changed since are named; with leave, the others go back.
TEST_F(RepairTest, UndoLeavesWhatWasChanged) {
  static const auto db = damaged();
  const auto samples = text_of(db.dataset, "sample_collection_name");
  put_damaged();
  const auto start = content();
  repair("a seed");
  const auto mine = test_server().find_one(samples, {});
  auto changed = *mine;
  changed.set("_dataset_id", Oid{{5}});
  test_server().replace(samples, {{Document{{"_id", *mine->find("_id")}}, changed}});
  const auto before = content();
  EXPECT_THROW(stored::undo("last", "undo"), Error);
  EXPECT_TRUE(content() == before);
  EXPECT_EQ(stored::undo("last", "undo", true).changed, 1);
  EXPECT_EQ(*test_server().find_one(samples, Document{{"_id", *mine->find("_id")}}), changed);
  auto now = content();
  auto expected = start;
  now.erase(samples);
  expected.erase(samples);
  EXPECT_TRUE(now == expected) << difference(now, expected);
}

// What another client writes between a look and the write is kept.
TEST_F(RepairTest, EditsOfOthersStay) {
  static const auto db = damaged();
  auto& other = test_server();
  const auto samples = text_of(db.dataset, "sample_collection_name");
  Array runs;
  for (const auto& run : db.collections.at("runs")) runs.append(*run.find("_id"));
  const Document known{{"_id", Document{{"$in", runs}}}};  // not those that the repair makes
  const auto edit = Document{{"$set", Document{{"edited", true}}}};
  for (int at = 1;; ++at) {
    put_damaged();
    int boundary = 0;
    test_server().at_writes([&] {
      if (++boundary != at) return;  // nor for the writes below
      other.update_many(samples, {}, Array{edit}, false);
      other.update_many("datasets", {}, Array{edit}, false);
      other.update_many("runs", known, Array{edit}, false);
    });
    const auto report = repair("a seed");
    test_server().at_writes({});
    if (boundary < at) return;
    ASSERT_TRUE(report.failures.empty()) << at << ": " << report.failures.front().error.what();
    EXPECT_TRUE(mendable().empty()) << at;
    EXPECT_EQ(test_server().count(samples, Document{{"edited", true}}), test_server().count(samples, {})) << at;
    EXPECT_EQ(test_server().count("datasets", Document{{"edited", true}}), 1) << at;
    EXPECT_EQ(test_server().count("runs", Document{{"edited", true}}), static_cast<std::int64_t>(runs.size())) << at;
  }
}

}  // namespace
}  // namespace fm
