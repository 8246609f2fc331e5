// Writing a dataset to a folder in the FiftyOneDataset format.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "archive/media_writer.h"
#include "archive/observer.h"
#include "exec/report.h"
#include "store/mongo.h"

namespace fm::archive {

struct ExportRequest {
  std::string name;       // of the dataset
  std::string directory;  // or one file: .zip, .tar, .tar.gz, .tgz, .tar.bz, .tbz
  MediaMode media = MediaMode::kCopy;
  std::optional<std::string> rel_dir;  // cut from paths
  std::size_t chunk_size = 0;          // files in a folder; 0: no bound
  bool use_dirs = false;               // one file for each sample and frame
  bool ordered = true;                 // with the number of the document in its name
  bool overwrite = false;              // an archive that is there gives way, once all is written
  bool runs = true;
  bool views = true;
  bool workspaces = true;
  std::optional<std::string> target_version;  // for an older release
  bool allow_loss = false;
  bool canonical = false;  // JSON that keeps the width of integers
  std::string tool;        // name and version, for the manifest
  std::size_t jobs = 2;
};

struct ExportReport {
  std::string directory;  // absolute
  std::string name;
  std::string version;
  std::int64_t samples = 0;
  std::int64_t frames = 0;
  std::int64_t tags = 0;
  std::int64_t media_files = 0;
  std::int64_t media_bytes = 0;
  std::int64_t bytes = 0;  // of JSON
  bool snapshot = false;   // all as of one moment
  double seconds = 0;
  std::vector<Tally> losses;
  std::vector<std::string> warnings;
};

// Reads samples and frames as of one moment where the server can. The folder
// appears at the end, complete; until then it is DIRECTORY.partial, which goes
// when something fails. Writes nothing to the database. With `overwrite` it
// refuses what holds no archive, and one that holds media which a dataset of the
// database names.
//
// Throws Error(kNotFound) for the dataset; Error(kPrecondition): the folder is
// not empty, the disk is full, the dataset is half-way in a migration; Error
// (kIncompatible) for a loss that was not allowed; Error(kMismatch) for a
// missing media file or a document that JSON could not give back.
ExportReport export_dataset(Mongo& mongo, const ExportRequest& request, const Observer& observer);

}  // namespace fm::archive
