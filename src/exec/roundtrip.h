// Whether datasets come back from another version as they were: tried on
// samples of them, with the code of a real run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "exec/heads.h"
#include "exec/report.h"
#include "exec/runner.h"
#include "exec/scratch.h"
#include "plan/plan.h"
#include "store/mongo.h"

namespace fm {

struct RoundtripDifference {
  // What a newer version adds stays on the way down; older ones do not look at it.
  enum class Kind { kLost, kChanged, kAdded };
  Kind kind = Kind::kChanged;
  std::string dataset;
  std::string collection;
  // Dotted, elements of lists as "[]"; or "(document)", "(order of keys)", "(content)".
  std::string path;
  std::int64_t documents = 0;
  std::string example;  // "before -> after", of the first such document
};

struct RoundtripReport {
  std::string target;
  std::size_t datasets = 0;              // that went there and back
  std::int64_t documents = 0;            // compared
  std::int64_t meanwhile = 0;            // left out: changed by other clients
  std::vector<DatasetFailure> failures;  // refused, or failed on the way
  std::vector<RoundtripDifference> differences;
  double seconds = 0;
};

struct RoundtripSettings {
  ScratchSize size;
  RunSettings run;  // of both ways; losses are allowed, and one refused dataset stops no other
};

// `plan` is the way there. Holds a hash per copied document in memory. Writes
// only to the scratch collections, which are gone when it returns or throws; what
// the run's control throws ends it.
RoundtripReport roundtrip(Mongo& mongo, const Catalogue& catalogue, const DatabaseHeads& heads, const Plan& plan,
                          const RoundtripSettings& settings, RunObserver& observer);

}  // namespace fm
