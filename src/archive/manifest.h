// manifest.json: what a complete archive of ours holds. The original neither
// writes nor reads it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bson/document.h"

namespace fm::archive {

inline constexpr const char* kManifestFile = "manifest.json";

struct ManifestFile {
  std::string name;  // relative; a folder of documents ends in '/'
  std::int64_t bytes = 0;
  std::string sha256;           // of a folder: of its files' content in the order of their names
  std::int64_t documents = -1;  // of a collection
};

struct Manifest {
  std::string tool;
  std::string dataset;
  std::string version;
  std::int64_t created_ms = 0;
  std::string media;  // "copy", "move", "symlink", "none"
  std::int64_t media_files = 0;
  std::int64_t media_bytes = 0;
  std::vector<std::string> fields;  // whose paths are relative to the archive, or to `rel_dir`
  std::string rel_dir;
  std::vector<ManifestFile> files;
  std::vector<bson::Document> sample_indexes;
  std::vector<bson::Document> frame_indexes;

  const ManifestFile* find(const std::string& name) const;
};

std::string to_json(const Manifest& manifest);
// Nothing where the archive has none. Throws Error(kMismatch) for what is no
// manifest, or names files outside the folder.
std::optional<Manifest> read_manifest(const std::string& folder);

}  // namespace fm::archive
