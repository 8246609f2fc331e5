// An ObjectStore on Arrow's file systems.
#pragma once

#include <arrow/filesystem/filesystem.h>

#include <functional>
#include <memory>
#include <string>

#include "media/object_store.h"
#include "media/store_config.h"

namespace fm::cloud {

struct FileSystems {
  std::shared_ptr<arrow::fs::FileSystem> one;  // writes one request after another
  // Writes the parts of an object side by side; the same as `one` where that
  // does not end cleanly.
  std::shared_ptr<arrow::fs::FileSystem> parts;
};

struct Traits {
  std::string name;             // for messages: "S3"
  bool abort_discards = false;  // what was written before an abort is gone
  bool storage_class = false;   // can be given to an object
  bool metadata = true;         // likewise
  std::string metadata_names;   // characters of a name beside lower-case letters, digits and _
  int attempts = 1;             // of what can be tried again, besides those of its library
  bool lists_folders = true;    // a listing of one level names the folders in it
};

class ArrowStore : public media::ObjectStore {
 public:
  // `open` is asked with the bucket of each key; it has to be thread-safe.
  ArrowStore(Traits traits, std::function<FileSystems(const std::string& bucket)> open);

  std::optional<media::ObjectFacts> stat(const std::string& key) override;
  std::optional<media::ObjectFacts> put(const std::string& key, const media::Content& content,
                                        const media::Attributes& attributes) override;
  void check_attributes(const media::Attributes& attributes) const override;
  void get(const std::string& key, const std::function<void(std::string_view)>& sink) override;
  void list(const std::string& folder, bool recursive, const std::function<void(const Entry&)>& visit) override;
  void copy(const std::string& from, const std::string& to) override;
  void remove(const std::string& key) override;

 protected:
  std::string doing(const char* verb, const std::string& key) const;

 private:
  FileSystems at(const std::string& key) const { return open_(key.substr(0, key.find('/'))); }

  Traits traits_;
  std::function<FileSystems(const std::string& bucket)> open_;
};

// By provider. Throw Error where credentials are missing.
std::unique_ptr<media::ObjectStore> open_s3(const media::StoreConfig& config);
std::unique_ptr<media::ObjectStore> open_gcs(const media::StoreConfig& config);
std::unique_ptr<media::ObjectStore> open_azure(const media::StoreConfig& config);

}  // namespace fm::cloud
