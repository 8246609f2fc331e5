// Datasets that a restore would set back, or lose, without their samples: the
// collection `datasets` is restored as a whole, whatever else a backup holds.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "backup/manifest.h"
#include "bson/document.h"
#include "store/mongo.h"

namespace fm::dump {

// Names of datasets.
struct Outside {
  // The backup has none of their collections, and they are not what they were,
  // nor where its plan takes them.
  std::vector<std::string> changed;
  std::vector<std::string> newer;  // made since
  std::vector<std::string> bare;   // no samples in the backup, nor in the database
  // Collections of datasets of which the backup has the others: there were none.
  std::set<std::string> were_absent;
};

using EachDocument = std::function<void(const std::function<void(bson::View)>&)>;

// `backed_up` visits the documents of the backup's `datasets`. Reads that and the
// database's once; holds a hash for each. When a dataset was last loaded is no
// change.
Outside datasets_outside(Mongo& mongo, const Manifest& manifest, const EachDocument& backed_up);

}  // namespace fm::dump
