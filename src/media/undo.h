// Taking a run back that changed paths.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "exec/ranges.h"
#include "media/run.h"

namespace fm::media {

struct UndoReport {
  std::int64_t restored = 0;                  // documents
  std::int64_t gone = 0;                      // deleted since
  std::int64_t changed = 0;                   // documents where a path is neither the old nor the new one
  std::vector<std::string> changed_examples;  // collection and _id
};

// Writes the old paths back. A document where a path of the run was changed
// since is named and left as it is; without `skip_changed`, finding one throws
// Error(kPrecondition) before the first write. Killed at any instant, the same
// call goes on. Needs the lease. Reads every record and its document, twice
// without `skip_changed`.
UndoReport undo_run(Mongo& mongo, const Run& run, bool skip_changed, const RunOrigin& origin,
                    const PassProgress& progress);

}  // namespace fm::media
