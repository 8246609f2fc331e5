// Files wherever they are: what `fiftyone.core.storage` offers, between any two
// stores (spec: media 1 and 3). Paths are local ones or URIs as in
// media/location.h; the functions are thread-safe.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "media/stores.h"

namespace fm::media {

struct ListOptions {
  bool abs_paths = false;  // else relative to the folder
  bool recursive = false;
  bool include_hidden_files = false;
  bool sort = true;
};

// What many operations at once do about a failure: the first one is thrown once
// those under way have ended, or all are returned.
struct BulkOptions {
  bool skip_failures = false;
  std::function<void(std::size_t done, std::size_t total)> progress;  // one call at a time
};

struct BulkFailure {
  std::size_t index = 0;
  std::string error;
};

class Storage {
 public:
  explicit Storage(Stores& stores) : stores_(stores) {}

  FileSystem get_file_system(const std::string& path) const { return stores_.locate(path).system; }
  bool is_local(const std::string& path) const { return stores_.locate(path).local(); }
  // "s3://", "https://account.blob.core.windows.net/"; "" for local paths; and the rest.
  std::pair<std::string, std::string> split_prefix(const std::string& path) const;
  // "s3://bucket"; "" for local paths.
  std::string get_bucket_name(const std::string& path) const;
  // Local: absolute and normal. Remote: as it is, without slashes at its end.
  std::string normalize_path(const std::string& path) const;

  bool exists(const std::string& path) { return is_file(path) || is_dir(path); }
  bool is_file(const std::string& path);
  // Remote: whether something lies under it.
  bool is_dir(const std::string& path);
  // Throws Error(kNotFound).
  std::int64_t file_size(const std::string& path);
  // Whole. Throws Error(kNotFound).
  std::string read_file(const std::string& path);
  void write_file(const std::string& path, const std::string& content);

  struct File {
    std::string path;
    std::int64_t size = 0;
    std::int64_t modified_ms = -1;  // since 1970; -1 where the store does not say
  };
  // Nothing for a folder that is not there.
  std::vector<File> files_in(const std::string& folder, const ListOptions& options);
  std::vector<std::string> list_files(const std::string& folder, const ListOptions& options);
  std::vector<std::string> list_subdirs(const std::string& folder, const ListOptions& options);
  // With their prefix; of the store that a path below leads to ("s3://").
  std::vector<std::string> list_buckets(const std::string& root);

  // On the server where both ends are in one store, else through memory, part by
  // part; sizes are compared afterwards.
  void copy_file(const std::string& from, const std::string& to);
  // The source goes once the copy is confirmed.
  void move_file(const std::string& from, const std::string& to);
  // A file that is not there is no error.
  void delete_file(const std::string& path);

  // Throw Error(kUsage) for lists of different lengths.
  std::vector<BulkFailure> copy_files(const std::vector<std::string>& from, const std::vector<std::string>& to,
                                      const BulkOptions& options);
  std::vector<BulkFailure> move_files(const std::vector<std::string>& from, const std::vector<std::string>& to,
                                      const BulkOptions& options);
  std::vector<BulkFailure> delete_files(const std::vector<std::string>& paths, const BulkOptions& options);

 private:
  void copy_once(const std::string& from, const std::string& to);
  std::vector<BulkFailure> each(std::size_t count, const BulkOptions& options,
                                const std::function<void(std::size_t)>& work);

  Stores& stores_;
};

}  // namespace fm::media
