// Writing a backup: what mongodump would write, and a manifest.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "backup/manifest.h"
#include "store/mongo.h"

namespace fm {

struct BackupRequest {
  std::string directory;                             // new or empty
  std::string tool;                                  // name and version, for the manifest
  std::optional<std::set<std::string>> collections;  // nothing: all
  std::string scope = "everything";                  // what that is, for people
  std::optional<dump::Covered> plan;                 // the same, where not all are taken
  bool zstd = false;
  bool snapshot = true;  // of a replica set; others have none
  std::size_t jobs = 2;
  // The database of cas goes into the same folder, before the other. On one
  // server both are read as of one moment; of two servers, each as of its own.
  Mongo* cas = nullptr;
  std::optional<std::set<std::string>> cas_collections;
};

// Called from one thread at a time.
using BytesProgress = std::function<void(std::int64_t done, std::int64_t total)>;

struct BackupReport {
  std::string directory;  // absolute
  dump::Manifest manifest;
  std::optional<dump::Manifest> cas;
  std::vector<std::string> warnings;
  std::int64_t file_bytes = 0;
};

// Reads all collections of a database as of one moment where the server can. The folder
// appears at the end, complete; until then it is DIRECTORY.partial, which goes
// when something fails and is replaced by the next backup after a kill.
//
// Throws Error(kPrecondition): the folder is not empty, the disk is full, the
// server no longer has the moment, a collection was replaced meanwhile, or one
// is of a kind that cannot be carried.
BackupReport backup(Mongo& mongo, const BackupRequest& request, const BytesProgress& progress);

}  // namespace fm
