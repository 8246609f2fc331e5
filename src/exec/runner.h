// Executes a plan on a database.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "exec/batch.h"
#include "exec/heads.h"
#include "exec/history.h"
#include "exec/report.h"
#include "exec/residue.h"
#include "exec/survey.h"
#include "plan/plan.h"
#include "store/mongo.h"

namespace fm {

struct RunSettings {
  std::size_t jobs = 2;
  // Refused datasets stop everything before the first write.
  bool refuse_all = true;
  // What is written is kept for undo first.
  bool undo_log = true;
  // Without it, going down may remove values for good.
  bool allow_loss = false;
  bool verbose = false;
  // Called once everything that can refuse has not, before the database is
  // written; and when the datasets are done, unless one failed. What they throw
  // ends the run.
  std::function<void()> before_writes = {};
  std::function<void()> after_writes = {};
  RunServices services = {};  // what these two take along
  // Of an undo: what services leave as it is, since the last call.
  std::function<std::vector<DatasetFailure>()> take_left = {};
  bson::Document details = {};  // further keys of the run in the history
  std::int64_t range_size = 10000;
  RunOrigin origin = {};       // for the history
  std::string request = {};    // what the run is about apart from the target: see Exclusive
  Control* control = nullptr;  // outlives the runner
};

// How the passes of a run are run. Progress is told to the observer from one
// thread at a time; it and the mutex outlive the result.
PassSettings passes_of(const RunSettings& settings, RunObserver& observer, std::mutex& one_at_a_time);

// A stop, with what it leaves.
Error with_counts(const Error& error, std::size_t done, std::size_t planned, Journal& journal);

class Runner {
 public:
  // Time and seed decide every generated value (rules G1, G3).
  Runner(Mongo& mongo, const Catalogue& catalogue, std::int64_t now_ms, std::string seed, RunSettings settings,
         RunObserver& observer);

  // Reads every dataset document of the plan once; with `measure` also
  // the collections that collection steps would write to.
  Survey survey(const Plan& plan, const DatabaseHeads& heads, bool measure);

  // Brings what a killed run left half-way to that run's target (rule E8), with
  // its time and seed, which this runner must have. Leaves the run itself in the
  // journal: whoever goes on with it, or begins another, replaces it.
  RunReport roll_forward(const Journal::Unfinished& left);

  const std::string& run_id() const { return facts_.run; }

  // Guards first, then database, then datasets. Throws before the first write
  // when something refuses the whole run: kPrecondition for guards (with
  // refuse_all), kIncompatible for losses that are not allowed.
  RunReport run(const Plan& plan, const DatabaseHeads& heads);

 private:
  RunReport finish(const Journal::Unfinished& left);
  // Datasets of the plan that are too large to be kept for undo. One scan on the
  // server; only such documents travel.
  std::vector<DatasetFailure> too_large(const Plan& plan, const Heads& heads);
  void choose_names(const Plan& plan, const Heads& heads, const std::vector<DatasetFailure>& refused);
  std::vector<BatchRunner::Item> items(const Plan& plan, const Heads& heads,
                                       const std::vector<DatasetFailure>& refused) const;
  void write(const Plan& plan, const DatabaseHeads& heads, const std::vector<DatasetFailure>& refused,
             RunReport& report);
  // The run's own record in the undo log.
  void keep_run(const Plan& plan, const DatabaseHeads& heads);
  // Drops collections, or sets them aside; how many.
  std::size_t drop_orphans(const ops::DropCollections& step);
  void run_database(const Plan& plan, const DatabaseHeads& heads);
  void run_datasets(const Plan& plan, const Heads& heads, const std::vector<BatchRunner::Item>& items,
                    RunReport& report);
  BatchRunner& batches();
  // Passes on what one dataset had to say, and counts it.
  void account(const BatchRunner::Result& result, RunReport& report);
  bool needs_survey(const Plan& plan) const;
  void check_arrival(const Plan& plan, RunReport& report);

  Mongo& mongo_;
  const Catalogue& catalogue_;
  RunFacts facts_;
  std::string seed_;
  RunSettings settings_;
  RunObserver& observer_;
  std::unique_ptr<BatchRunner> batches_;
  std::mutex progress_;
};

}  // namespace fm
