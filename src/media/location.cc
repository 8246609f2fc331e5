#include "media/location.h"

#include <filesystem>
#include <regex>

namespace fm::media {

namespace {

constexpr std::string_view kSchemes[] = {"s3://", "gs://"};

std::string local_path(std::string_view path, const std::string& home) {
  std::string text(path);
  if (text == "~" || text.starts_with("~/")) text = home + text.substr(1);
  auto normal = std::filesystem::absolute(text).lexically_normal().string();
  while (normal.size() > 1 && normal.ends_with('/')) normal.pop_back();
  return normal;
}

}  // namespace

const char* name_of(FileSystem system) {
  switch (system) {
    case FileSystem::kLocal:
      return "local";
    case FileSystem::kS3:
      return "s3";
    case FileSystem::kGcs:
      return "gcs";
    case FileSystem::kAzure:
      return "azure";
    case FileSystem::kMinio:
      return "minio";
    case FileSystem::kHttp:
      return "http";
  }
  return "local";
}

Location locate(std::string_view path, const std::vector<Root>& roots, const std::string& home) {
  const Root* best = nullptr;
  for (const auto& root : roots) {
    if (path.starts_with(root.root) && (!best || root.root.size() > best->root.size())) best = &root;
  }
  const auto below = [&](FileSystem system, std::string_view root) {
    return Location{system, std::string(root), std::string(path.substr(root.size()))};
  };
  if (best) return below(best->system, best->root);
  static const std::regex kAzure(R"(^https://[a-z0-9]+\.blob\.core\.[a-z.]+/)");
  std::match_results<std::string_view::const_iterator> found;
  if (std::regex_search(path.begin(), path.end(), found, kAzure)) {
    return below(FileSystem::kAzure, path.substr(0, static_cast<std::size_t>(found.length())));
  }
  if (path.starts_with(kSchemes[0])) return below(FileSystem::kS3, kSchemes[0]);
  if (path.starts_with(kSchemes[1])) return below(FileSystem::kGcs, kSchemes[1]);
  if (path.starts_with("http://")) return below(FileSystem::kHttp, "http://");
  if (path.starts_with("https://")) return below(FileSystem::kHttp, "https://");
  return {FileSystem::kLocal, "", local_path(path, home)};
}

std::string join(const std::string& folder, const std::string& name) {
  return folder.empty() || folder.ends_with('/') ? folder + name : folder + "/" + name;
}

std::string without_slash(std::string folder) {
  while (folder.size() > 1 && folder.ends_with('/') && !folder.ends_with("://")) folder.pop_back();
  return folder;
}

}  // namespace fm::media
