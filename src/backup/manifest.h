// What a complete backup holds. It is the last file written: without it a
// folder is no backup.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bson/document.h"
#include "store/mongo.h"

namespace fm::dump {

inline constexpr const char* kManifestName = "fiftyone-migrator.json";
// Of the database of cas, where a folder holds both of a deployment.
inline constexpr const char* kCasManifestName = "fiftyone-migrator.cas.json";

struct CollectionEntry {
  std::string name;
  bool view = false;
  std::int64_t documents = 0;
  std::int64_t bytes = 0;       // of the documents
  std::string sha256;           // of the documents, whatever the file's compression
  std::string file;             // relative to the folder; empty for a view
  std::string metadata;         // relative to the folder
  std::string metadata_sha256;  // of the file
  // Options and indexes where JSON does not give them back as they are.
  std::optional<bson::Document> definition;
  bool in_snapshot = true;  // false: the server reads it only as it stands
  bool operator==(const CollectionEntry&) const = default;
};

// The plan whose collections a backup holds.
struct Covered {
  std::string target;
  std::vector<bson::Value> datasets;  // their _ids
  bool operator==(const Covered&) const = default;
};

struct Manifest {
  std::string tool;
  std::string database;
  std::string server_version;
  std::string scope;            // "everything", or of which plan
  std::optional<Covered> plan;  // nothing: everything
  std::int64_t started_ms = 0;
  std::int64_t finished_ms = 0;
  std::optional<ClusterTime> snapshot;
  std::string no_snapshot;  // why there is none
  bool zstd = false;
  std::vector<CollectionEntry> collections;  // by name
  std::string digest = {};                   // SHA-256 of the file it was read from
  bool operator==(const Manifest&) const = default;

  std::int64_t documents() const;
  std::int64_t bytes() const;
};

// One collection a line.
std::string to_json(const Manifest& manifest);
// Throws Error(kMismatch) for what is no manifest, or one with paths that leave
// the folder; Error(kPrecondition) for one of a later format.
Manifest parse_manifest(const std::string& json, const std::string& path);

// Throws Error(kPrecondition) when there is none: the backup is not complete.
Manifest read_manifest(const std::string& directory);
// Nothing where the backup is of one database.
std::optional<Manifest> read_cas_manifest(const std::string& directory);

}  // namespace fm::dump
