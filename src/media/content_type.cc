#include "media/content_type.h"

#include <algorithm>
#include <cctype>
#include <map>

namespace fm::media {

std::string content_type_of(std::string_view path) {
  static const std::map<std::string, const char*, std::less<>> kTypes = {
      {"jpg", "image/jpeg"},       {"jpeg", "image/jpeg"},       {"png", "image/png"},
      {"gif", "image/gif"},        {"bmp", "image/bmp"},         {"webp", "image/webp"},
      {"tif", "image/tiff"},       {"tiff", "image/tiff"},       {"svg", "image/svg+xml"},
      {"avif", "image/avif"},      {"heic", "image/heic"},       {"mp4", "video/mp4"},
      {"m4v", "video/x-m4v"},      {"mov", "video/quicktime"},   {"avi", "video/x-msvideo"},
      {"mkv", "video/x-matroska"}, {"webm", "video/webm"},       {"mpg", "video/mpeg"},
      {"mpeg", "video/mpeg"},      {"ts", "video/mp2t"},         {"wav", "audio/x-wav"},
      {"mp3", "audio/mpeg"},       {"json", "application/json"}, {"fo3d", "application/json"},
      {"gltf", "model/gltf+json"}, {"glb", "model/gltf-binary"}, {"obj", "model/obj"},
      {"mtl", "model/mtl"},        {"stl", "model/stl"},         {"txt", "text/plain"},
      {"csv", "text/csv"},         {"pdf", "application/pdf"},
  };
  const auto name = path.substr(path.find_last_of('/') + 1);
  const auto dot = name.rfind('.');
  std::string ending(dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1));
  std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) { return std::tolower(c); });
  const auto found = kTypes.find(ending);
  return found == kTypes.end() ? "application/octet-stream" : found->second;
}

}  // namespace fm::media
