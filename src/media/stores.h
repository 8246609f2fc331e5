// The stores of a command, opened when they are first needed.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "media/media_config.h"
#include "media/object_store.h"

namespace fm::media {

// Opens a provider's store by the module that has Arrow in it. Throws
// Error(kPrecondition) where that cannot be loaded, with what is missing.
std::unique_ptr<ObjectStore> open_cloud_store(const StoreConfig& config);

class Stores {
 public:
  explicit Stores(MediaConfig config) : config_(std::move(config)), workers_(config_.workers()) {}

  Location locate(std::string_view path) const;
  // What a name in the content of a file means: a path of its own, or one that
  // begins at the file's folder.
  Location beside(const Location& file, const std::string& name) const;
  // Throws Error(kUsage) for the web, which cannot be written or listed.
  ObjectStore& at(const Location& location);
  // Requests at the same time.
  int workers() const { return workers_; }
  // Before the first store is opened.
  void set_workers(int count) { workers_ = count; }
  std::string root(FileSystem system) const { return config_.root(system); }
  const std::string& cache_folder() const { return config_.cache_folder(); }

  // For tests: paths that begin with `root` are kept by `store`.
  void add(const std::string& root, std::unique_ptr<ObjectStore> store);

 private:
  MediaConfig config_;
  int workers_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<ObjectStore>> open_;  // by root
  std::vector<std::string> added_;
};

}  // namespace fm::media
