// Bringing an archive into a database.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "archive/landing.h"
#include "archive/observer.h"
#include "store/mongo.h"

namespace fm::archive {

struct ImportRequest {
  std::string path;                 // a folder, or one file: .zip, .tar, .tar.gz, .tgz, .tar.bz, .tbz
  std::optional<std::string> name;  // without: the time, as the original does
  bool own_name = false;            // without a name: that of the archive
  bool persistent = false;          // others vanish when SDK clients clean up
  bool overwrite = false;           // a dataset of that name gives way, once all is there
  bool dry_run = false;             // reads everything, writes nothing
  OnConflict on_conflict = OnConflict::kError;
  std::optional<std::string> rel_dir;  // in front of relative paths; without: the archive's folder
  std::vector<std::string> tags;       // added to every sample
  bool runs = true;
  bool views = true;
  bool workspaces = true;
  bool keep_times = false;                    // created_at and last_modified_at as in the archive
  std::optional<std::string> assume_version;  // of an archive that does not say
  std::optional<std::string> target_version;  // without: the database's
  bool allow_loss = false;                    // going down
  std::size_t jobs = 2;
};

struct ImportReport {
  std::string name;
  bson::Value id;
  std::string from;  // versions
  std::string to;
  std::int64_t samples = 0;  // that are there in the end
  std::int64_t frames = 0;
  std::int64_t tags = 0;
  std::int64_t runs = 0;
  std::int64_t views = 0;
  std::int64_t workspaces = 0;
  std::int64_t bytes = 0;      // of BSON
  std::int64_t conflicts = 0;  // samples and frames left out or written over
  bool replaced = false;       // a dataset of that name
  bool resumed = false;
  bool was_there = false;  // brought in by an earlier run of the same command, which did not hear of it
  bool dry_run = false;
  double seconds = 0;
  std::vector<Tally> losses;
  std::vector<std::string> warnings;
};

// Throws before the first write: Error(kNotFound) without the archive,
// Error(kMismatch) for a damaged one, Error(kIncompatible) for a version that
// cannot be read or a loss that was not allowed, Error(kPrecondition) for a name
// in use, Error(kRights) that names the rights that the user lacks, Error(kLocked)
// while another run works on the database. Throws later
// the same for what only reading everything shows; then nothing stays behind.
// Takes the lease. Reads the archive once (twice where it has sums), writes
// each document once. Memory: a few megabytes for each job.
ImportReport import_dataset(Mongo& mongo, const ImportRequest& request, const Observer& observer);

}  // namespace fm::archive
