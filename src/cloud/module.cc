#include "cloud/arrow_store.h"
#include "media/cloud_module.h"

extern "C" __attribute__((visibility("default"))) fm::media::ObjectStore* fm_open_cloud_store(
    const fm::media::StoreConfig& config) {
  switch (config.system) {
    case fm::media::FileSystem::kGcs:
      return fm::cloud::open_gcs(config).release();
    case fm::media::FileSystem::kAzure:
      return fm::cloud::open_azure(config).release();
    default:
      return fm::cloud::open_s3(config).release();
  }
}
