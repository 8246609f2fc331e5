// What an upload is going to do, found out before its first transfer.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "exec/history.h"
#include "media/fields.h"
#include "media/local_file.h"
#include "media/manifest.h"
#include "media/stores.h"
#include "store/mongo.h"

namespace fm::media {

struct UploadRequest {
  std::vector<std::string> fields{"filepath"};
  std::string destination;
  std::optional<std::string> rel_dir;
  bool outside_by_name = false;  // files outside of rel_dir go by their base names; else an error
  enum class Clash { kRename, kError, kHash } on_clash = Clash::kRename;
  bool overwrite = false;
  bool update = false;  // write the new paths to the database
  bool skip_failures = false;
  bool stop_on_failure = false;                     // the first file that fails ends the upload
  bool verify_full = false;                         // read everything back
  bool dedupe = false;                              // files of equal content go once
  std::optional<std::int64_t> bandwidth;            // most bytes a second
  std::vector<std::string> group_slices;            // of a grouped dataset; all when empty
  std::optional<std::vector<bson::Value>> samples;  // _ids; all without
  RunOrigin origin;                                 // for the history
};

// A local file and where it goes.
struct PlannedFile {
  std::string local;
  Location remote;
  FileState state;
  bool scene = false;
  std::vector<std::size_t> assets;  // of a scene: uploaded before it
};

struct Clash {
  std::string local;
  std::string wanted;
  std::string given;
};

struct UploadPlan {
  std::string destination;  // a local folder as an absolute path
  std::vector<MediaField> fields;
  std::vector<PlannedFile> files;
  std::unordered_map<std::string, std::size_t> by_local;
  // What there is under the destination: key and size.
  std::unordered_map<std::string, std::int64_t> present;
  // Keys that nobody else may get: planned ones, and those the dataset names.
  std::unordered_set<std::string> taken;
  std::vector<Clash> clashes;
  std::int64_t bytes = 0;
  std::int64_t paths = 0;  // local ones, with repetitions
  std::int64_t remote_paths = 0;
  std::int64_t missing_paths = 0;
  std::int64_t equal_files = 0;      // left out, because another one has the same content
  std::vector<std::string> missing;  // "<sample id> <path>", up to 20
};

// Reads the paths once, looks at each file, and lists the destination. Throws
// Error(kPrecondition) for missing files (unless skip_failures), files outside
// of rel_dir, and clashes where they are errors. Memory: some 500 bytes a file.
// `manifest` may be null. With dedupe, files of equal size are read.
UploadPlan plan_upload(Mongo& mongo, const MediaDataset& dataset, const UploadRequest& request, Stores& stores,
                       const Manifest* manifest);

// Which documents of a collection the request is about.
bson::Document documents_of(const MediaDataset& dataset, const UploadRequest& request, bool frames, Mongo& mongo);

// "a/b.jpg", 2 -> "a/b-2.jpg"
std::string numbered(const std::string& path, int n);

}  // namespace fm::media
