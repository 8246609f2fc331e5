#include "media/cloud_module.h"

#include <dlfcn.h>
#include <link.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "media/stores.h"

namespace fm::media {

namespace {

// Where this code was loaded from: the program, or the Python module. Not what
// argv[0] says of the program: that may name any file of the working folder.
std::filesystem::path own_folder() {
  Dl_info info{};
  link_map* module = nullptr;
  if (dladdr1(reinterpret_cast<const void*>(&open_cloud_store), &info, reinterpret_cast<void**>(&module),
              RTLD_DL_LINKMAP) == 0 ||
      !module) {
    return {};
  }
  const bool is_program = module->l_name[0] == '\0';
  std::error_code error;
  return std::filesystem::canonical(is_program ? "/proc/self/exe" : module->l_name, error).parent_path();
}

FmOpenCloudStore load() {
  const auto folder = own_folder();
  std::string why = "there is no " + std::string(kCloudModule) + " beside the program";
  for (const auto& path :
       {folder / kCloudModule, folder / "bin" / kCloudModule, folder / ".." / "lib" / kCloudModule}) {
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
