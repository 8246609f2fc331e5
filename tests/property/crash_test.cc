// A run that is cut off before or after any of its writes, and the next one.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "exec/runner.h"
#include "property/datasets.h"
#include "property/private_mongod.h"

namespace fm {
namespace {

using bson::Document;

constexpr std::int64_t kNow = 1'700'000'000'123;
constexpr int kMostWrites = 1000;

class Silent final : public RunObserver {
 public:
  void message(const ops::Message&) override {}
  void failure(const DatasetFailure&) override {}
  void phase(const std::string&, std::size_t) override {}
  void datasets_done(std::size_t) override {}
  void collection(const std::string&, std::int64_t, std::int64_t) override {}
};

using Stored = std::map<std::string, std::vector<std::string>>;

// Every document that is not ours, byte by byte.
Stored content() {
  Stored out;
  for (const auto& name : test_server().collection_names()) {
    if (name.starts_with("migrator.")) continue;
    auto& docs = out[name];
    test_server().find(name, {}, {}, [&](bson::View view) {
      const auto bytes = view.copy();
      docs.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    });
    std::sort(docs.begin(), docs.end());
    if (docs.empty()) out.erase(name);
  }
  return out;
}

void store(const FakeDatabase& db, const std::string& version) {
  auto& mongo = test_server();
  for (const auto& name : mongo.collection_names()) mongo.drop(name);
  mongo.insert("config", {Document{{"_id", 1}, {"version", version}, {"type", "fiftyone"}}});
  mongo.insert("datasets", {db.dataset});
  for (const auto& [name, docs] : db.collections) mongo.insert(name, docs);
}

// The same command, as often as it takes: what a killed run left first.
void migrate_to(const std::string& target, const std::string& seed) {
  auto& mongo = test_server();
  const auto& catalogue = built_in_catalogue();
  Silent silent;
  RunSettings settings;
  settings.jobs = 1;
  settings.allow_loss = true;
  settings.range_size = 2;
  auto now = kNow;
  auto drawn = seed;
  if (const auto finished = Runner(mongo, catalogue, now, drawn, settings, silent).roll_forward()) {
    ASSERT_TRUE(finished->report.failures.empty()) << finished->report.failures.front().error.what();
    if (finished->target == target) {
      now = finished->now_ms;
      drawn = finished->seed;
    }
  }
  const auto heads = read_heads(mongo);
  Request request;
  request.target = target;
  const auto plan = make_plan(catalogue, heads.heads, request);
  if (plan.nothing_to_do()) return;
  const auto report = Runner(mongo, catalogue, now, drawn, settings, silent).run(plan, heads);
  ASSERT_TRUE(report.failures.empty()) << report.failures.front().error.what();
}

struct Case {
  const char* name;
  FakeDatabase (*make)();
  const char* from;
  const char* to;
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

class Crash : public testing::TestWithParam<Case> {
 protected:
  ~Crash() override { test_server().at_writes({}); }
};

TEST_P(Crash, TheNextRunEndsWhereAnUndisturbedOneDoes) {
  const auto& [name, make, from, to] = GetParam();
  const auto db = make();
  store(db, from);
  const auto start = content();
  migrate_to(to, "the first seed");
  const auto undisturbed = content();
  ASSERT_NE(undisturbed, start);

  for (int cut = 1;; ++cut) {
    ASSERT_LT(cut, kMostWrites);
    store(db, from);
    int boundary = 0;
    test_server().at_writes([&] {
      if (++boundary == cut) throw Error(Exit::kUnreachable, "cut off");
    });
    bool was_cut = false;
    try {
      migrate_to(to, "the first seed");
    } catch (const Error& error) {
      ASSERT_STREQ(error.what(), "cut off");
      was_cut = true;
    }
    test_server().at_writes({});
    if (!was_cut) {
      EXPECT_GT(cut, 4);
      return;
    }
    // Cut off before anything was written down, the run draws anew.
    migrate_to(to, cut == 1 ? "the first seed" : "another seed");
    ASSERT_EQ(content(), undisturbed) << "cut off at boundary " << cut;
    EXPECT_FALSE(test_server().find_one("migrator.journal", {})) << "cut off at boundary " << cut;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Way, Crash,
    testing::Values(Case{"images_down", [] { return modern_dataset(Content::kFull, "image"); }, "1.22.1", "0.6.2"},
                    Case{"videos_down", [] { return modern_dataset(Content::kFull, "video"); }, "1.22.1", "0.6.2"},
                    Case{"images_to_inlined_runs", [] { return modern_dataset(Content::kFull, "image"); }, "1.22.1",
                         "0.17.0"},
                    Case{"groups_down", [] { return modern_dataset(Content::kFull, "group"); }, "1.22.1", "0.17.0"},
                    Case{"images_up", [] { return ancient_dataset(Content::kFull, "image"); }, "0.5.0", "1.22.1"},
                    Case{"videos_up", [] { return ancient_dataset(Content::kFull, "video"); }, "0.5.0", "1.22.1"}),
    [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace fm
