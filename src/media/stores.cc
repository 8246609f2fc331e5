#include "media/stores.h"

#include <filesystem>

#include "base/error.h"
#include "media/local_store.h"

namespace fm::media {

Location Stores::locate(std::string_view path) const {
  for (const auto& root : added_) {
    if (path.starts_with(root)) return {FileSystem::kMinio, root, std::string(path.substr(root.size()))};
  }
  return config_.locate(path);
}

Location Stores::beside(const Location& file, const std::string& name) const {
  if (name.starts_with('/') || name.find("://") != std::string::npos) return locate(name);
  const auto folder = file.key.substr(0, file.key.find_last_of('/'));
  return {file.system, file.root, std::filesystem::path(join(folder, name)).lexically_normal().string()};
}

ObjectStore& Stores::at(const Location& location) {
  if (location.system == FileSystem::kHttp) {
    throw Error(Exit::kUsage, "'" + location.path() + "' is on the web, not in an object store",
                "Endpoints of stores are named by MINIO_ENDPOINT_URL and AZURE_STORAGE_ACCOUNT_URL.");
  }
  const std::lock_guard lock(mutex_);
  auto& store = open_[location.root];
  if (!store) {
    if (location.local()) {
      store = std::make_unique<LocalStore>();
    } else {
      auto config = config_.store(location);
      config.connections = workers_;
      store = open_cloud_store(config);
    }
  }
  return *store;
}

void Stores::add(const std::string& root, std::unique_ptr<ObjectStore> store) {
  added_.push_back(root);
  open_[root] = std::move(store);
}

}  // namespace fm::media
