// Other prefixes for the paths of a dataset, on the server: no path travels.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "exec/history.h"
#include "exec/ranges.h"
#include "media/fields.h"
#include "media/remap.h"
#include "store/mongo.h"

namespace fm::media {

struct PathCount {
  MediaField field;
  std::vector<std::int64_t> by_rule;  // in the order of Remap::rules()
  std::int64_t unmatched = 0;
  std::vector<std::string> examples;  // of unmatched paths, up to five

  std::int64_t matched() const;
};

// One pass over each collection for each field. Reads only.
std::vector<PathCount> count_paths(Mongo& mongo, const MediaDataset& dataset, const std::vector<MediaField>& fields,
                                   const Remap& remap);

// Writes the new paths and returns the run that undo takes back; "" where no
// path fits. Killed at any
// instant, every path is the old or the new one, and the same call goes on.
// Needs the lease. Per range: one aggregation that writes the records, one
// update of documents that match.
std::string rewrite_paths(Mongo& mongo, const MediaDataset& dataset, const std::vector<MediaField>& fields,
                          const Remap& remap, const RunOrigin& origin, const PassProgress& progress);

}  // namespace fm::media
