// Rule R5: what waits in the undo log for a dataset that another client lifted.
#pragma once

#include <string>
#include <vector>

#include "exec/heads.h"
#include "exec/world.h"
#include "store/mongo.h"

namespace fm {

// A dataset at a version above revisions whose values the undo log still holds:
// another client took it up, or values were edited when this program did.
struct Waiting {
  bson::Value id;
  std::string name;
  std::string version;                 // that it is at
  std::vector<std::string> revisions;  // oldest first
  std::vector<std::string> runs;       // that keep the values
};

// In the order of the heads; parked datasets are left out. Reads what the log
// holds of open images but not the documents in them: one scan of it.
std::vector<Waiting> waiting(Mongo& mongo, const Heads& heads);

// The dataset with everything that can come back, at the version it has.
// `replays` newest first, `revisions` all there are. Nothing is written.
Prepared give_back(bson::Bytes dataset, const Route& route, const std::vector<DatasetReplay>& replays,
                   const std::vector<Revision>& revisions, const RunFacts& facts, const PrepareSources& sources);

}  // namespace fm
