// 3D scenes (.fo3d) and the files they name (spec: media 4.1).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace fm::media {

bool is_scene(std::string_view path);

// The texts that name assets, as they stand. Throws Error(kFailed) for what is
// no scene.
std::vector<std::string> assets_of_scene(const std::string& content);

// The scene with each of these texts replaced.
std::string with_assets(const std::string& content, const std::function<std::string(const std::string&)>& replace);

// Files that a material library (.mtl) or a glTF file names, relative to it;
// nothing for other files. Embedded data is left out.
std::vector<std::string> references_of(const std::string& path, const std::string& content);

}  // namespace fm::media
