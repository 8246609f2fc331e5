#include <arrow/filesystem/gcsfs.h>

#include "cloud/arrow_store.h"
#include "cloud/status.h"

namespace fm::cloud {

namespace afs = arrow::fs;

std::unique_ptr<media::ObjectStore> open_gcs(const media::StoreConfig& config) {
  afs::GcsOptions options;
  if (config.anonymous) {
    options = afs::GcsOptions::Anonymous();
  } else if (config.credentials_json) {
    options = afs::GcsOptions::FromServiceAccountCredentials(config.credentials_json->reveal());
  } else {
    options = afs::GcsOptions::Defaults();
  }
  options.retry_limit_seconds = 8;  // its own limit is 15 minutes a request; transfers are tried again besides
  if (!config.endpoint.empty()) {
    const auto colon = config.endpoint.find("://");
    options.scheme = colon == std::string::npos ? "http" : config.endpoint.substr(0, colon);
    options.endpoint_override = colon == std::string::npos ? config.endpoint : config.endpoint.substr(colon + 3);
    options.project_id = "emulator";
  }
  const std::shared_ptr<arrow::fs::FileSystem> fs = check(afs::GcsFileSystem::Make(options), "Google Cloud Storage");
  Traits traits;
  traits.name = "Google Cloud Storage";
  traits.attempts = 2;  // each ends after the seconds above
  traits.storage_class = true;
  traits.metadata_names = "-";
  traits.lists_folders = false;
  return std::make_unique<ArrowStore>(traits, [fs](const std::string&) { return FileSystems{fs, fs}; });
}

}  // namespace fm::cloud
