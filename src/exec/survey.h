// What a plan means for the data, found out without writing.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "exec/batch.h"
#include "exec/report.h"
#include "store/mongo.h"

namespace fm {

// Of one dataset of the plan.
struct DatasetSurvey {
  std::vector<Touched> touched;  // its own document is among them; each collection once
  std::vector<Tally> losses;
  std::vector<Tally> returns;  // what comes back from the undo log
  std::optional<Error> refusal;
  bool gone = false;  // deleted since the plan was made

  std::int64_t documents() const;
  std::int64_t bytes() const;
};

// Passes of one kind over several collections.
struct PassGroup {
  ops::Pass largest;  // the one with most documents
  std::int64_t most = 0;
  std::int64_t documents = 0;  // of all
  std::int64_t bytes = 0;
  std::size_t collections = 0;
};

struct Survey {
  std::vector<DatasetSurvey> datasets;  // one per Plan::datasets, in its order
  std::vector<DatasetFailure> refused;
  std::vector<Tally> losses;   // over all datasets, newest revision first
  bool undo_log = false;       // what is lost is kept there
  std::vector<Tally> returns;  // the same
  Given given;
  std::vector<std::string> drops;  // collections without a dataset
  // Samples, frames or files are written, too, and were not to be counted.
  bool uncounted = false;
  // For estimates.
  std::vector<PassGroup> passes;     // measured ones
  std::int64_t parked = 0;           // datasets with more than their own document to write
  double checking_seconds = 0;       // that reading and preparing all datasets took
  std::int64_t documents_bytes = 0;  // of dataset documents and those beside them, which the undo log keeps
  std::int64_t files_bytes = 0;      // of results that are written anew

  std::int64_t documents() const;
  std::int64_t bytes() const;
};

// Takes the results of BatchRunner::survey in the order of the plan.
class SurveyBuilder {
 public:
  // `measure`: also count and weigh the documents that passes would write. Reads
  // each of their collections once.
  SurveyBuilder(Mongo& mongo, bool measure, bool undo_log) : mongo_(mongo), measure_(measure) {
    survey_.undo_log = undo_log;
  }

  void add(BatchRunner::Result result);
  Survey take() &&;

 private:
  void measure(const BatchRunner::Result& result, DatasetSurvey& dataset);
  static void touch(DatasetSurvey& dataset, const Touched& touched);
  PassGroup& group_of(const ops::Pass& pass);

  Mongo& mongo_;
  bool measure_;
  Survey survey_;
  std::map<std::string, std::size_t> groups_;  // index into Survey::passes
};

// Adds what one dataset got back, or could not get back.
void add_given(const BatchRunner::Result& result, Given& given);

// What the displaced values of one dataset come to. `lost_only`: those that do
// not come back by themselves.
std::vector<Tally> tally(const std::vector<ops::Displaced>& displaced, bool lost_only);

// The same of values that are known by revision and path alone.
std::vector<Tally> tally(const std::vector<std::pair<std::string, std::string>>& paths);

// One line: "12 saved views, 3 runs in 2 datasets".
std::string in_words(const std::vector<Tally>& tallies);

}  // namespace fm
