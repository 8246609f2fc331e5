// A dataset from one database to another, without a disk between.
#pragma once

#include <string>

#include "archive/import.h"
#include "archive/observer.h"
#include "store/mongo.h"

namespace fm::archive {

struct CopyRequest {
  std::string name;    // of the dataset
  ImportRequest into;  // `path` is not used; without a name: the same one
};

// One stream: read, migrated to the version of the destination, written, and
// published there as import_dataset does, with its promises and errors. Ids of
// samples, frames and labels stay, and so do times. Takes the lease of the
// destination; the source is only read, as of one moment where it can be. Throws
// Error(kUsage) where it would take the place of itself.
ImportReport copy_dataset(Mongo& from, Mongo& to, const CopyRequest& request, const Observer& observer);

}  // namespace fm::archive
