// What `verify` reads once for all datasets.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/mongo.h"

namespace fm {

// What other datasets may clash with.
struct DatasetRow {
  bson::Value id;
  std::optional<std::string> name;
  std::optional<std::string> slug;
  std::string samples;
  std::string frames;

  // Of a clips dataset the frames belong to the source.
  bool clips() const { return samples.starts_with("clips."); }
};

// A GridFS file; sizes by its document, and as its chunks add up.
struct StoredFile {
  std::int64_t length = 0;
  std::int64_t chunk_size = 0;
  std::int64_t chunks = 0;
  std::int64_t last_chunk = -1;
  std::int64_t bytes = -1;  // only when all was read

  std::int64_t expected_chunks() const { return chunk_size > 0 ? (length + chunk_size - 1) / chunk_size : 0; }
  bool whole() const {
    return chunks == expected_chunks() && last_chunk == chunks - 1 && (bytes < 0 || bytes == length);
  }
};

// By what clients tell the saved views, or workspaces, of a dataset apart.
struct Label {
  std::string name;
  std::string slug;
};

struct SharedData {
  std::set<std::string> collections;
  std::set<std::string> views;  // of the database, among them
  std::vector<DatasetRow> datasets;
  std::unordered_map<std::string, std::size_t> dataset_of;  // encoded _id -> index
  // By collection (runs, views, workspaces) and encoded _id; of runs only
  // _dataset_id, results and config.cls.
  std::map<std::string, std::unordered_map<std::string, bson::Document>> documents;
  std::map<std::string, std::unordered_map<std::string, Label>> labels;  // the same, of views and workspaces
  std::unordered_map<std::string, StoredFile> files;                     // by encoded _id

  const bson::Document* find(const std::string& collection, const bson::Value& id) const;
  const DatasetRow* dataset(const bson::Value& id) const;
};

// `all_bytes`: read the chunks too, not only their index.
SharedData read_shared_data(Mongo& mongo, bool all_bytes);

}  // namespace fm
