#include "media/scene.h"

#include <algorithm>
#include <array>
#include <sstream>

#include "base/error.h"
#include "bson/json.h"

namespace fm::media {

using bson::Document;
using bson::Value;

namespace {

constexpr std::array<std::string_view, 8> kAssetKeys = {"pcdPath", "plyPath", "stlPath",  "objPath",
                                                        "mtlPath", "fbxPath", "gltfPath", "splatPath"};

using Visit = std::function<void(Value&)>;

void visit_background(Value& background, const Visit& visit) {
  auto* document = background.as<Document>();
  if (!document) return;
  if (auto* image = document->find("image"); image && image->as<std::string>()) visit(*image);
  auto* cube = document->find("cube");
  auto* faces = cube ? cube->as<bson::Array>() : nullptr;
  for (std::size_t i = 0; faces && i < faces->size(); ++i) {
    if ((*faces)[i].as<std::string>()) visit((*faces)[i]);
  }
}

void walk(Document& node, const Visit& visit) {
  for (auto& [key, value] : node) {
    const bool asset = std::find(kAssetKeys.begin(), kAssetKeys.end(), key) != kAssetKeys.end();
    if (asset && value.as<std::string>()) visit(value);
    if (key == "background") visit_background(value, visit);
    auto* children = key == "children" ? value.as<bson::Array>() : nullptr;
    for (std::size_t i = 0; children && i < children->size(); ++i) {
      if (auto* child = (*children)[i].as<Document>()) walk(*child, visit);
    }
  }
}

Document parsed(const std::string& content) {
  try {
    return bson::from_json(content);
  } catch (const Error&) {
    throw Error(Exit::kFailed, "is not a 3D scene: no JSON object");
  }
}

bool ends_with(std::string_view path, std::string_view ending) {
  return path.size() >= ending.size() && std::equal(ending.rbegin(), ending.rend(), path.rbegin(), [](char a, char b) {
           return a == std::tolower(static_cast<unsigned char>(b));
         });
}

std::vector<std::string> references_of_mtl(const std::string& content) {
  std::vector<std::string> out;
  std::istringstream lines(content);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string keyword;
    words >> keyword;
    const bool map = keyword.starts_with("map_") || keyword == "bump" || keyword == "disp" || keyword == "decal" ||
                     keyword == "refl" || keyword == "norm";
    if (!map) continue;
    // Options with numbers may stand in front; the name is the rest behind them.
    std::string word;
    std::string name;
    while (words >> word) name = word;
    if (!name.empty()) out.push_back(name);
  }
  return out;
}

std::string percent_decoded(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto hex = text.substr(i + 1, 2);
    if (text[i] == '%' && hex.size() == 2 && hex.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos) {
      out += static_cast<char>(std::stoi(hex, nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::vector<std::string> references_of_gltf(const std::string& content) {
  std::vector<std::string> out;
  const auto document = parsed(content);
  for (const char* key : {"buffers", "images"}) {
    const auto* value = document.find(key);
    const auto* list = value ? value->as<bson::Array>() : nullptr;
    for (std::size_t i = 0; list && i < list->size(); ++i) {
      const auto* item = (*list)[i].as<Document>();
      const auto* uri = item ? item->find("uri") : nullptr;
      const auto* text = uri ? uri->as<std::string>() : nullptr;
      if (text && !text->starts_with("data:")) out.push_back(percent_decoded(*text));
    }
  }
  return out;
}

}  // namespace

bool is_scene(std::string_view path) { return ends_with(path, ".fo3d"); }

std::vector<std::string> assets_of_scene(const std::string& content) {
  std::vector<std::string> out;
  auto document = parsed(content);
  walk(document, [&](Value& value) { out.push_back(*value.as<std::string>()); });
  return out;
}

std::string with_assets(const std::string& content, const std::function<std::string(const std::string&)>& replace) {
  auto document = parsed(content);
  walk(document, [&](Value& value) { value = replace(*value.as<std::string>()); });
  return bson::to_relaxed_json(document);
}

std::vector<std::string> references_of(const std::string& path, const std::string& content) {
  if (ends_with(path, ".mtl")) return references_of_mtl(content);
  if (ends_with(path, ".gltf")) return references_of_gltf(content);
  return {};
}

}  // namespace fm::media
