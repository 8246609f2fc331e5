// Removing what the undo log keeps: the only deletion there is (rule R6).
#pragma once

#include <cstdint>
#include <string>

#include "store/mongo.h"

namespace fm {

struct PruneRequest {
  // All of this run; empty: images of datasets that are deleted, and collections
  // of no dataset that runs have set aside.
  std::string run;
  bool all = false;  // everything
};

struct Pruned {
  std::int64_t images = 0;   // documents of migrator.residue
  std::int64_t members = 0;  // samples and frames
  std::int64_t collections = 0;
  std::int64_t files = 0;  // GridFS files that no run refers to any more
};

// The run that keeps something and has that id, or the only one whose id begins
// so. Throws Error(kNotFound), or kUsage where several do.
std::string find_kept_run(Mongo& mongo, const std::string& run);

// Files go first, images last: cut off in the middle, it can be repeated.
// Throws Error(kPrecondition) while an unfinished run needs them, or the undo of
// that run, which is kept, does.
Pruned prune_residue(Mongo& mongo, const PruneRequest& request);

}  // namespace fm
