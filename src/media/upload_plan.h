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
  std::vector<std::string> fields{"filepath"};  // as select_fields() takes them
  std::string destination;
  std::optional<std::string> rel_dir;
  bool outside_by_name = false;  // files outside of rel_dir go by their base names; else an error
  enum class Clash { kRename, kError, kHash } on_clash = Clash::kRename;
  bool copy_remote = false;    // what lies in another place of a store goes to the destination, too
  bool include_assets = true;  // scenes bring what they name; else they go as they are
  Attributes attributes;       // of objects that are written; the content type goes by the name
  bool overwrite = false;
  bool update = false;  // write the new paths to the database
  bool skip_failures = false;
  bool stop_on_failure = false;                     // the first file that fails ends the upload
  bool verify_full = false;                         // read everything back
  bool dedupe = false;                              // files of equal content go once
  std::optional<std::int64_t> bandwidth;            // most bytes a second
  std::vector<std::string> group_slices;            // of a grouped dataset; all when empty
  std::optional<std::vector<bson::Value>> samples;  // _ids, each once; all without
  RunOrigin origin;                                 // for the history
};

// A file, or an object of another place, and where it goes.
struct PlannedFile {
  std::string local;  // its path; of an object its URI
  Location source;
  Location remote;
  FileState state;
  bool scene = false;               // is rewritten to name its assets
  std::vector<std::size_t> assets;  // of a scene: uploaded before it
  std::string wanted;               // the key it has unless somebody else has it
  bool fixed = false;               // it has to have that one: what is sent as it is names it
};

struct Clash {
  std::string local;
  std::string wanted;
  std::string given;
};

struct UploadPlan {
  Location destination;
  std::vector<MediaField> fields;
  std::vector<PlannedFile> files;
  std::unordered_map<std::string, std::size_t> by_local;
  // What there is under the destination: key and size.
  std::unordered_map<std::string, std::int64_t> present;
  // Keys that nobody else may get: planned ones, and those the dataset names.
  std::unordered_set<std::string> taken;
  std::vector<Clash> clashes;
  std::int64_t bytes = 0;
  std::int64_t paths = 0;         // of what goes to the destination, with repetitions
  std::int64_t remote_paths = 0;  // that are left as they are
  std::int64_t missing_paths = 0;
  std::int64_t equal_files = 0;      // left out, because another one has the same content
  std::vector<std::string> missing;  // "<sample id> <path>", up to 20
};

// Reads the paths once, looks at each file, and lists the destination. Throws
// Error(kPrecondition) for missing files (unless skip_failures), files outside
// of rel_dir, and clashes where they are errors; Error(kUsage) for attributes that
// the store does not keep. Memory: some 500 bytes a file. `manifest` may be null.
// With dedupe, files of equal size are read. Objects to copy cost a request each.
UploadPlan plan_upload(Mongo& mongo, const MediaDataset& dataset, const UploadRequest& request, Stores& stores,
                       const Manifest* manifest);

// "a/b.jpg", 2 -> "a/b-2.jpg"
std::string numbered(const std::string& path, int n);

}  // namespace fm::media
