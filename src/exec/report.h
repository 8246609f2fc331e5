// What a run did, and who is told while it runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "ops/context.h"

namespace fm {

// Values of one kind, counted: those that go for good on the way down, or that
// come back on the way up.
struct Tally {
  std::string revision;
  std::string field;  // "saved_views", "app_config.color_scheme.opacity", "sample_fields info"
  std::string what;   // the same in people's words: "saved views"
  std::int64_t values = 0;
  std::int64_t datasets = 0;
};

// What comes back from the undo log on a way up (rule R3).
struct Given {
  std::int64_t values = 0;
  std::int64_t datasets = 0;
  // Values that stay in the log, because they were edited since.
  struct Kept {
    std::string dataset;
    std::string revision;
    std::string path;
  };
  std::vector<Kept> kept;
};

// Documents that would be written, by collection.
struct Touched {
  std::string collection;
  std::int64_t documents = 0;
  std::int64_t bytes = 0;  // as they are stored now, before compression
};

struct DatasetFailure {
  std::string name;
  Error error;
  bool refused = false;  // nothing was written to it
  std::string id;        // encoded; empty when there is no such dataset
};

struct RunReport {
  std::string run;  // its id; empty where nothing was to do
  std::size_t datasets_done = 0;
  std::vector<DatasetFailure> failures;  // refused ones first
  std::vector<Tally> losses;
  bool undo_log = false;  // what is lost is kept there
  Given given;
  double seconds = 0;
};

// Called from one thread at a time.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  // Whom messages are about from now on; empty: no dataset.
  virtual void about(const std::string&) {}
  // In the order of the plan, whatever ran first.
  virtual void message(const ops::Message& message) = 0;
  virtual void failure(const DatasetFailure& failure) = 0;
  virtual void phase(const std::string& name, std::size_t datasets) = 0;
  virtual void datasets_done(std::size_t done) = 0;
  virtual void collection(const std::string& name, std::int64_t done, std::int64_t total) = 0;
};

}  // namespace fm
