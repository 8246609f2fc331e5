// A run that is cut off before or after any of its writes, and the next one.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "exec/exclusive.h"
#include "property/crash_cases.h"
#include "property/stored_run.h"
#include "store/fault_point.h"

namespace fm {

namespace {
std::function<void()> at_fault;
const auto main_thread = std::this_thread::get_id();
}  // namespace

// Takes the place of the one that does nothing. The lease is renewed by another
// thread, at times that no test knows.
void fault_point() {
  if (at_fault && std::this_thread::get_id() == main_thread) at_fault();
}

namespace {

using bson::Document;
using stored::content;
using stored::Stored;

constexpr int kMostWrites = 1000;

// What `fiftyone-migrator migrate TARGET --allow-loss` does.
void migrate_to(const std::string& target) {
  auto& mongo = test_server();
  const auto& catalogue = built_in_catalogue();
  stored::Silent silent;
  RunSettings settings;
  settings.jobs = 1;
  settings.allow_loss = true;
  settings.range_size = 2;
  Exclusive exclusive(mongo, request_text({}));
  auto heads = read_heads(mongo);
  exclusive.finish_interrupted(catalogue, settings, silent, heads);
  Request request;
  request.target = target;
  const auto plan = make_plan(catalogue, heads.heads, request);
  if (plan.nothing_to_do()) {
    exclusive.nothing_left(plan);
    return;
  }
  exclusive.take(heads);
  const auto report = exclusive.runner(plan, catalogue, settings, silent).run(plan, heads);
  ASSERT_TRUE(report.failures.empty()) << report.failures.front().error.what();
}

// Runs until the boundary of a write with that number; whether it got there.
bool cut_off(const std::string& target, int number) {
  int boundary = 0;
  at_fault = [&] {
    if (++boundary == number) throw Error(Exit::kUnreachable, "cut off");
  };
  bool was_cut = false;
  try {
    migrate_to(target);
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "cut off");
    was_cut = true;
  }
  at_fault = {};
  // That of a process that has ended is free at once; this one has not.
  test_server().remove_where("migrator.lease", Document{{"_id", "lease"}});
  // It may have been given back where that hides errors.
  return was_cut || boundary >= number;
}

void expect_finished(const Stored& undisturbed, int cut) {
  ASSERT_EQ(content(), undisturbed) << "cut off at boundary " << cut;
  EXPECT_FALSE(test_server().find_one("migrator.journal", {})) << "cut off at boundary " << cut;
  EXPECT_FALSE(test_server().find_one("migrator.history", Document{{"state", "running"}}));
  const auto run = test_server().find_one("migrator.history", Document{{"_id", journalled_run()}});
  if (run) {
    EXPECT_EQ(*run->find("state"), bson::Value("done")) << "cut off at boundary " << cut;
  }
}

class Crash : public testing::TestWithParam<CrashCase> {
 protected:
  ~Crash() override { at_fault = {}; }
};

TEST_P(Crash, TheNextRunEndsWhereAnUndisturbedOneDoes) {
  store(test_server(), GetParam());
  const auto start = content();
  migrate_to(GetParam().to);
  const auto undisturbed = content();
  ASSERT_NE(undisturbed, start);
  for (int cut = 1;; cut += stored::kNextCut) {
    ASSERT_LT(cut, kMostWrites);
    store(test_server(), GetParam());
    if (!cut_off(GetParam().to, cut)) {
      EXPECT_GT(cut, 4);
      return;
    }
    migrate_to(GetParam().to);
    expect_finished(undisturbed, cut);
    if (HasFatalFailure()) return;
  }
}

class CrashTwice : public Crash {};

// The run that goes on is cut off too, at each of its own writes.
TEST_P(CrashTwice, TheThirdRunEndsThereToo) {
  store(test_server(), GetParam());
  migrate_to(GetParam().to);
  const auto undisturbed = content();
  for (int cut = 2;; cut += 7) {
    for (int again = 1;; again += 8) {
      ASSERT_LT(cut + again, 2 * kMostWrites);
      store(test_server(), GetParam());
      if (!cut_off(GetParam().to, cut)) return;
      if (!cut_off(GetParam().to, again)) break;
      migrate_to(GetParam().to);
      expect_finished(undisturbed, cut);
      if (HasFatalFailure()) return;
    }
  }
}

std::string name_of(const testing::TestParamInfo<CrashCase>& info) {
  auto name = info.param.name;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

std::vector<CrashCase> long_ways() {
  auto out = crash_cases();
  std::erase_if(out, [](const CrashCase& one) { return one.name != "videos_up" && one.name != "many_up"; });
  return out;
}

INSTANTIATE_TEST_SUITE_P(Way, Crash, testing::ValuesIn(crash_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Way, CrashTwice, testing::ValuesIn(long_ways()), name_of);

}  // namespace

void PrintTo(const CrashCase& one, std::ostream* out) { *out << one.name; }

}  // namespace fm
