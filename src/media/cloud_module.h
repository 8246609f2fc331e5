// The one symbol of the module with Arrow in it.
#pragma once

#include "media/object_store.h"
#include "media/store_config.h"

extern "C" {
// The caller deletes it. Throws Error as ObjectStore does.
using FmOpenCloudStore = fm::media::ObjectStore* (*)(const fm::media::StoreConfig& config);
}

namespace fm::media {

inline constexpr const char* kOpenCloudStore = "fm_open_cloud_store";
inline constexpr const char* kCloudModule = "libfm_cloud.so";

}  // namespace fm::media
