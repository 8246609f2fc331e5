#include "media/cloud_module.h"

#include <dlfcn.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "media/stores.h"

namespace fm::media {

namespace {

// Where this code was loaded from: the program, or the Python module.
std::filesystem::path own_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&open_cloud_store), &info) == 0 || !info.dli_fname) return {};
  std::error_code error;
  auto file = std::filesystem::canonical(info.dli_fname, error);
  if (error) file = std::filesystem::canonical("/proc/self/exe", error);
  return file.parent_path();
}

FmOpenCloudStore load() {
  const auto folder = own_folder();
  std::string why = "there is no " + std::string(kCloudModule) + " beside the program";
  for (const auto& path : {folder / kCloudModule, folder / ".." / "lib" / kCloudModule}) {
    std::error_code error;
    if (!std::filesystem::exists(path, error)) continue;
    // Never closed: Arrow's threads outlive it.
    if (void* module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
      if (void* symbol = dlsym(module, kOpenCloudStore)) return reinterpret_cast<FmOpenCloudStore>(symbol);
    }
    if (const char* text = dlerror()) why = text;
  }
  throw Error(
      Exit::kPrecondition, "Object stores are reached by Arrow C++, which is not available: " + why,
      "Install it with pip install 'fiftyone-migrator[media]'; where the program was built from source, install "
      "pyarrow==26.* and build it again.");
}

}  // namespace

std::unique_ptr<ObjectStore> open_cloud_store(const StoreConfig& config) {
  static const FmOpenCloudStore open = load();
  return std::unique_ptr<ObjectStore>(open(config));
}

}  // namespace fm::media
