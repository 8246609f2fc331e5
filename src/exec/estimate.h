// What a plan will cost, guessed from the data without writing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "exec/survey.h"
#include "plan/plan.h"
#include "store/mongo.h"

namespace fm {

struct Estimate {
  struct Part {
    std::string what;  // "3 sample collections"
    std::int64_t documents = 0;
    double seconds = 0;
    std::string basis;  // one sentence: where the seconds come from
  };
  std::vector<Part> parts;  // those of services first; then in the order they run
  // The files may grow by that much until the server has cleaned up.
  std::int64_t disk_bytes = 0;
  std::optional<std::int64_t> oplog_bytes;  // nothing without a replica set
  std::vector<std::string> basis;           // of all of it

  double seconds() const;
  // Half and double: what such an estimate is worth.
  double least_seconds() const { return seconds() / 2; }
  double most_seconds() const { return seconds() * 2; }
};

// What a service beside the datasets has to write, and what looking for it took.
struct ServiceCost {
  std::string service;
  std::int64_t documents = 0;
  std::int64_t bytes = 0;
  double seconds = 0;
};

// `survey` has measured its collections. Reads about a thousand documents of
// each kind of work, and the statistics of the largest thousand collections.
Estimate estimate(Mongo& mongo, const Plan& plan, const Survey& survey, const std::vector<ServiceCost>& services,
                  bool undo_log);

}  // namespace fm
