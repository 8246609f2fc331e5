// Looking at an archive without a database.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "archive/observer.h"
#include "bson/document.h"

namespace fm::archive {

struct Inspected {
  std::string folder;
  std::string name;
  std::string version;  // empty: the layout before 0.8
  bool legacy = false;
  std::string media_type;
  std::int64_t samples = 0;
  std::int64_t frames = 0;
  std::int64_t tags = 0;
  std::int64_t bytes = 0;  // of samples and frames, as JSON
  struct Field {
    std::string name;  // "frames.x" for frames
    std::string type;
  };
  std::vector<Field> fields;
  struct Run {
    std::string kind;
    std::string key;
    bool results = false;
  };
  std::vector<Run> runs;
  std::vector<std::string> views;
  std::vector<std::string> workspaces;
  std::vector<std::string> media_fields;
  bool has_manifest = false;
  std::string media_mode;  // as the manifest says
  std::vector<std::string> warnings;
};

// A folder or one file, which is unpacked in TMPDIR and removed again.
// Counts documents without parsing them: as fast as the disk. Throws as
// ArchiveReader does.
Inspected inspect_archive(const std::string& path, const std::optional<std::string>& assume_version,
                          const Observer& observer);

struct Checked {
  Inspected archive;
  std::vector<std::string> problems;  // empty: it can be imported
};

// Reads everything: every document is parsed, ids are compared, frames have to
// belong to a sample, sums have to be those of the manifest, relative paths of
// media have to name files. Memory: 12 bytes for each sample, 28 for each frame.
// What makes reading on impossible is thrown.
Checked verify_archive(const std::string& path, const std::optional<std::string>& assume_version, std::size_t jobs,
                       const Observer& observer);

}  // namespace fm::archive
