#include <algorithm>
#include <array>
#include <string_view>

#include "archive/json_writer.h"
#include "archive/media_writer.h"
#include "archive/scan.h"
#include "base/error.h"
#include "bson/json.h"

namespace fm::archive {

namespace {

constexpr std::array<std::string_view, 9> kAssetKeys = {"pcdPath", "plyPath",  "stlPath",   "objPath", "mtlPath",
                                                        "fbxPath", "gltfPath", "splatPath", "image"};
constexpr std::string_view kCube = "cube";  // six of them

// From '"' to behind the closing one.
std::size_t string_end(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return std::min(at + 1, text.size());
}

std::string decoded(std::string_view quoted) {
  const auto document = bson::from_json("{\"v\":" + std::string(quoted) + "}");
  const auto* text = document.find("v")->as<std::string>();
  return text ? *text : "";
}

std::string quoted(const std::string& text) {
  const auto json = to_json(bson::Document{{"v", text}});
  return json.substr(6, json.size() - 7);  // {"v": "..."}
}

}  // namespace

std::string edit_scene(const std::string& scene, const std::function<std::string(const std::string&)>& edit) {
  std::string out;
  std::string key;
  std::size_t done = 0;
  int cube = 0;  // depth of brackets within the list of a cube
  for (std::size_t at = 0; at < scene.size();) {
    const char c = scene[at];
    if (cube > 0 && c == '[') ++cube;
    if (cube > 0 && c == ']' && --cube == 1) cube = 0;
    if (c != '"') {
      ++at;
      continue;
    }
    const auto end = string_end(scene, at);
    const auto text = std::string_view(scene).substr(at, end - at);
    auto next = skip_space(scene, end);
    const bool is_key = next < scene.size() && scene[next] == ':';
    if (is_key) {
      key = text.substr(1, text.size() - 2);
      next = skip_space(scene, next + 1);
      if (key == kCube && next < scene.size() && scene[next] == '[') cube = 1;
    } else if (cube > 0 || std::find(kAssetKeys.begin(), kAssetKeys.end(), key) != kAssetKeys.end()) {
      const auto path = decoded(text);
      const auto changed = path.empty() ? path : edit(path);
      if (changed != path) {
        out.append(scene, done, at - done);
        out += quoted(changed);
        done = end;
      }
      key.clear();
    } else {
      key.clear();
    }
    at = end;
  }
  out.append(scene, done, std::string::npos);
  return out;
}

}  // namespace fm::archive
