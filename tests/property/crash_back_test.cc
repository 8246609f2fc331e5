// A way back up, which restores, an undo, and a giving back that are cut off before
// or after any of their writes.
#include <gtest/gtest.h>

#include <string>

#include "exec/residue_apply.h"
#include "property/stored_run.h"

namespace fm {
namespace {

using bson::Document;
using stored::content;
using stored::cut_off;
using stored::migrate_to;
using stored::store;

constexpr int kMostWrites = 1000;

struct Case {
  const char* name;
  FakeDatabase (*make)();
  const char* from;
  const char* to;
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

class CrashBack : public testing::TestWithParam<Case> {
 protected:
  ~CrashBack() override { test_server().at_writes({}); }
};

void cut_everywhere(const FakeDatabase& db, const std::string& from, const std::string& to,
                    const std::function<void(const std::string& seed)>& back) {
  const auto down = [&] {
    store(db, from);
    migrate_to(to, "down");
  };
  down();
  back("the first seed");
  const auto undisturbed = content();
  for (int cut = 1;; cut += stored::kNextCut) {
    ASSERT_LT(cut, kMostWrites);
    down();
    const bool was_cut = cut_off(cut, [&] { back("the first seed"); });
    if (!was_cut) return;
    back(cut == 1 ? "the first seed" : "another seed");
    ASSERT_EQ(content(), undisturbed) << "cut off at boundary " << cut;
    EXPECT_FALSE(test_server().find_one("migrator.journal", {})) << "cut off at boundary " << cut;
  }
}

TEST_P(CrashBack, UpWithRestore) {
  const auto& [name, make, from, to] = GetParam();
  cut_everywhere(make(), from, to, [start = std::string(from)](const std::string& seed) { migrate_to(start, seed); });
}

TEST_P(CrashBack, Undo) {
  const auto& [name, make, from, to] = GetParam();
  cut_everywhere(make(), from, to, [](const std::string& seed) {
    // A run whose undo has ended is not taken back twice.
    const auto first = Residue(test_server()).runs().back();
    if (!first.undone_by || Journal(test_server()).unfinished()) stored::undo(first.run, seed);
  });
}

// An interrupted run goes back instead of forward.
TEST_P(CrashBack, UndoOfACutRun) {
  const auto& [name, make, from, to] = GetParam();
  const auto db = make();
  store(db, from);
  const auto start = content();
  for (int cut = 1;; cut += stored::kNextCut) {
    ASSERT_LT(cut, kMostWrites);
    store(db, from);
    const bool was_cut = cut_off(cut, [&to = to] { migrate_to(to, "down"); });
    if (!was_cut) return;
    if (Residue(test_server()).runs().empty()) continue;
    stored::undo("last", "undo");
    ASSERT_EQ(content(), start) << "cut off at boundary " << cut;
  }
}

// As a client lifts a dataset that knows nothing of the undo log.
void lift(const std::string& to) {
  for (const auto* name : {kResidue, kResidueMembers}) {
    if (test_server().collection_names().contains(name)) {
      test_server().rename_over(name, "migrator.hidden." + std::string(name));
    }
  }
  migrate_to(to, "a client", false);
  for (const auto* name : {kResidue, kResidueMembers}) {
    const auto hidden = "migrator.hidden." + std::string(name);
    if (test_server().collection_names().contains(hidden)) test_server().rename_over(hidden, name);
  }
}

// The same command, as often as it takes.
void give_back(const std::string& seed) {
  auto& mongo = test_server();
  stored::Silent silent;
  RunSettings settings;
  settings.range_size = 2;
  auto now = stored::kNow + 1;
  auto drawn = seed;
  if (const auto left = Journal(mongo).unfinished()) {
    const auto finished =
        Runner(mongo, built_in_catalogue(), left->now_ms, left->seed, settings, silent).roll_forward(*left);
    if (!finished.failures.empty()) throw finished.failures.front().error;
    now = left->now_ms;
    drawn = left->seed;
  }
  const auto datasets = waiting(mongo, read_heads(mongo).heads);
  const auto report = GiveBack(mongo, built_in_catalogue(), now, drawn, settings, silent).run(datasets);
  if (!report.failures.empty()) throw report.failures.front().error;
  if (report.run.empty()) Journal(mongo).end();
}

TEST_P(CrashBack, GivingBack) {
  const auto& [name, make, from, to] = GetParam();
  const auto db = make();
  store(db, from);
  const auto start = content();
  for (int cut = 1;; cut += stored::kNextCut) {
    ASSERT_LT(cut, kMostWrites);
    store(db, from);
    migrate_to(to, "down");
    lift(from);
    const auto lifted = content();
    ASSERT_FALSE(lifted == start);
    const bool was_cut = cut_off(cut, [&] { give_back("the first seed"); });
    if (was_cut) give_back("another seed");
    const auto end = content();
    ASSERT_EQ(end, start) << "cut off at boundary " << cut << "\n" << stored::difference(start, end);
    EXPECT_TRUE(waiting(test_server(), read_heads(test_server()).heads).empty()) << "cut off at boundary " << cut;
    EXPECT_FALSE(test_server().find_one("migrator.journal", {})) << "cut off at boundary " << cut;
    stored::undo("last", "undo");
    const auto back = content();
    ASSERT_EQ(back, lifted) << "cut off at boundary " << cut << "\n" << stored::difference(lifted, back);
    if (!was_cut) return;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Way, CrashBack,
    testing::Values(Case{"images_to_inlined_runs", [] { return modern_dataset(Content::kFull, "image"); }, "1.22.1",
                         "0.17.0"},
                    Case{"videos_far", [] { return modern_dataset(Content::kFull, "video"); }, "1.22.1", "0.9.0"}),
    [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace fm
