// Gives back what the undo log holds for datasets that another client lifted
// (rule R5): a journalled run, kept for undo like any other.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "exec/batch.h"
#include "exec/give_back.h"
#include "exec/runner.h"

namespace fm {

// What one dataset gets, or got.
struct GivenBack {
  bson::Value id;
  std::string name;
  std::string version;
  struct Value {
    std::string revision;
    std::string path;
  };
  std::vector<Value> values;
  std::vector<Value> kept;  // edited since: those of the dataset stay
  MemberCount members;      // samples, frames and the like
  // Something comes back, or is found to be there already.
  bool worth_writing = false;
};

struct GiveBackReport {
  std::string run;  // empty where nothing was to do
  std::vector<GivenBack> datasets;
  std::vector<std::string> deleted;  // meanwhile
  std::vector<DatasetFailure> failures;
  double seconds = 0;
};

class GiveBack {
 public:
  // Kind in the history, target in the journal.
  static constexpr const char* kKind = "residue apply";

  // Time and seed as for Runner.
  GiveBack(Mongo& mongo, const Catalogue& catalogue, std::int64_t now_ms, std::string seed, RunSettings settings,
           RunObserver& observer);

  const std::string& run_id() const { return facts_.run; }

  // What would come back. Reads the datasets and what is kept of them.
  GiveBackReport survey(const std::vector<Waiting>& datasets);
  // Does it. The lease is held.
  GiveBackReport run(const std::vector<Waiting>& datasets);
  // What a killed run left half-way goes on.
  RunReport finish(const Journal::Unfinished& left);

 private:
  std::vector<BatchRunner::Item> items(const std::vector<Waiting>& datasets);
  const Route* stay_at(const std::string& version);
  BatchRunner& batches();

  Mongo& mongo_;
  const Catalogue& catalogue_;
  RunFacts facts_;
  std::string seed_;
  RunSettings settings_;
  RunObserver& observer_;
  std::map<std::string, Route> routes_;  // by version
  std::unique_ptr<BatchRunner> batches_;
  std::mutex progress_;
};

}  // namespace fm
