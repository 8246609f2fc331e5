// Migrations of whole databases on the test's server, and what they leave.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "exec/runner.h"
#include "exec/undo.h"
#include "property/datasets.h"
#include "property/private_mongod.h"

namespace fm::stored {

using bson::Document;

constexpr std::int64_t kNow = 1'700'000'000'123;

// A run is cut off at every boundary of a write; under a sanitizer, which makes
// that minutes, at every third.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kNextCut = 3;
#else
constexpr int kNextCut = 1;
#endif

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
inline Stored content() {
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

// For messages: what the two do not share.
inline std::string difference(const Stored& a, const Stored& b) {
  std::string out;
  const auto shown = [](const std::string& bytes) {
    bson_t doc;
    bson_init_static(&doc, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    char* text = bson_as_relaxed_extended_json(&doc, nullptr);
    std::string copy = text;
    bson_free(text);
    return copy;
  };
  const auto missing = [&](const Stored& from, const Stored& in, const char* sign) {
    for (const auto& [name, docs] : from) {
      const auto other = in.find(name);
      for (const auto& doc : docs) {
        if (other != in.end() && std::binary_search(other->second.begin(), other->second.end(), doc)) continue;
        out += sign + name + ": " + shown(doc) + "\n";
      }
    }
  };
  missing(a, b, "- ");
  missing(b, a, "+ ");
  constexpr std::size_t kMost = 4000;
  return out.substr(0, kMost);
}

// Whether `work` was cut off at the boundary of a write with that number.
inline bool cut_off(int number, const std::function<void()>& work) {
  std::atomic<int> boundary = 0;  // passes write from several threads
  test_server().at_writes([&] {
    if (++boundary == number) throw Error(Exit::kUnreachable, "cut off");
  });
  bool cut = false;
  try {
    work();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "cut off");
    cut = true;
  }
  test_server().at_writes({});
  return cut;
}

inline void store(const FakeDatabase& db, const std::string& version) {
  auto& mongo = test_server();
  for (const auto& name : mongo.collection_names()) mongo.drop(name);
  mongo.insert("config", {Document{{"_id", 1}, {"version", version}, {"type", "fiftyone"}}});
  mongo.insert("datasets", {db.dataset});
  for (const auto& [name, docs] : db.collections) mongo.insert(name, docs);
}

// The same command, as often as it takes: what a killed run left first.
inline RunReport migrate_to(const std::string& target, const std::string& seed, bool undo_log = true) {
  auto& mongo = test_server();
  const auto& catalogue = built_in_catalogue();
  Silent silent;
  RunSettings settings;
  settings.jobs = 1;
  settings.undo_log = undo_log;
  settings.allow_loss = true;
  settings.range_size = 2;
  auto now = kNow;
  auto drawn = seed;
  if (const auto left = Journal(mongo).unfinished()) {
    const auto finished = Runner(mongo, catalogue, left->now_ms, left->seed, settings, silent).roll_forward(*left);
    if (!finished.failures.empty()) throw finished.failures.front().error;
    if (left->target == target) {
      now = left->now_ms;
      drawn = left->seed;
    }
  }
  const auto heads = read_heads(mongo);
  Request request;
  request.target = target;
  const auto plan = make_plan(catalogue, heads.heads, request);
  if (plan.nothing_to_do()) {
    if (Journal(mongo).unfinished()) Journal(mongo).end();
    return {};
  }
  auto report = Runner(mongo, catalogue, now, drawn, settings, silent).run(plan, heads);
  if (!report.failures.empty()) throw report.failures.front().error;
  return report;
}

// `run` as typed. The same command, as often as it takes.
inline UndoReport undo(const std::string& run, const std::string& seed, bool skip_changed = false) {
  auto& mongo = test_server();
  Silent silent;
  RunSettings settings;
  settings.range_size = 2;
  const auto record = Undo::find(mongo, run);
  auto now = kNow;
  auto drawn = seed;
  const auto left = Journal(mongo).unfinished();
  if (left && left->run != record.run) {
    const auto finished =
        Runner(mongo, built_in_catalogue(), left->now_ms, left->seed, settings, silent).roll_forward(*left);
    if (!finished.failures.empty()) throw finished.failures.front().error;
    if (left->undoes == record.run) {
      now = left->now_ms;
      drawn = left->seed;
    }
  }
  auto report = Undo(mongo, built_in_catalogue(), now, drawn, settings, silent).run(record, skip_changed);
  if (!skip_changed && !report.failures.empty()) throw report.failures.front().error;
  return report;
}

}  // namespace fm::stored
