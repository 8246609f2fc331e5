// Bringing a backup back.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "backup/backup.h"
#include "backup/manifest.h"
#include "store/mongo.h"

namespace fm {

// The phase in which something is written.
inline constexpr const char* kRestoring = "Restoring";

struct RestoreRequest {
  std::string directory;
  bool overwrite = false;
  bool allow_loss = false;  // of datasets made since
  bool dry_run = false;
  std::size_t jobs = 2;
  Mongo* cas = nullptr;  // where a backup of both databases puts the second one
};

struct RestoreReport {
  dump::Manifest manifest;
  std::vector<std::string> overwritten;  // had documents, or were views
  std::vector<std::string> dropped;      // what was made since, by runs or for datasets that are set back
  std::vector<std::string> left_alone;   // other collections of the database, but for the history of runs
  std::vector<std::string> bare;         // datasets of which there are no samples, here nor in the backup
  bool finished = false;                 // one that was cut off in its last step
  std::vector<RestoreReport> cas;        // one, of a backup of both databases
};

// In this order: every file is compared with the manifest; what is in the way
// is looked for; each collection is written beside its place, with options and
// indexes; all are put in their places by renaming, `config` and `datasets`
// last. A collection is the old one or the new one at every moment. Cut off
// before the renaming, nothing has changed; after its beginning, which a mark
// tells (exec/restore_mark.h), the same call finishes it.
//
// Throws before the first write: Error(kMismatch) for files that are not what
// was written, Error(kPrecondition) for a backup that is not complete and,
// without `overwrite`, for collections that are not empty, for datasets that have
// changed and whose samples the backup does not hold; Error(kIncompatible) for
// datasets made since, unless that loss is allowed; Error(kRights). `phase` names what
// is being done; what `progress` throws ends the work before anything is put in
// its place. Of a backup of both databases all is written beside its place before
// either is marked; that of cas goes first.
RestoreReport restore(Mongo& mongo, const RestoreRequest& request,
                      const std::function<void(const std::string& phase)>& phase, const BytesProgress& progress);

}  // namespace fm
