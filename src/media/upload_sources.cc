#include "media/upload_sources.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/error.h"
#include "base/pool.h"
#include "media/scene.h"

namespace fm::media {

namespace {

constexpr std::size_t kListed = 20;

std::optional<FileState> state_from(const std::optional<ObjectFacts>& facts) {
  if (!facts) return std::nullopt;
  return FileState{facts->size, 0, facts->etag};
}

}  // namespace

std::string folder_of(const std::string& path) { return path.substr(0, path.find_last_of('/')); }

std::optional<std::string> below(const std::string& path, const std::string& folder) {
  const auto start = join(folder, "");
  const auto prefix = start.ends_with('/') ? start : start + "/";
  if (!path.starts_with(prefix)) return std::nullopt;
  return path.substr(prefix.size());
}

void refuse(const std::string& what, const std::vector<std::string>& lines, std::size_t count,
            const std::string& remedy) {
  auto text = what + ":";
  for (std::size_t i = 0; i < lines.size() && i < kListed; ++i) text += "\n  " + lines[i];
  if (count > kListed) text += "\n  and " + std::to_string(count - kListed) + " more";
  throw Error(Exit::kPrecondition, text, remedy);
}

UploadSources::UploadSources(UploadPlan& plan, const UploadRequest& request, Stores& stores)
    : plan_(plan), request_(request), stores_(stores) {
  if (request.rel_dir) rel_dir_ = stores.locate(without_slash(*request.rel_dir)).path();
}

bool UploadSources::goes(const Location& source) const {
  const auto& destination = plan_.destination;
  if (source.root == destination.root && below(source.key, destination.key)) return false;
  if (source.local()) return true;
  return request_.copy_remote && source.system != FileSystem::kHttp;
}

void UploadSources::look_at(const std::vector<Location>& objects) {
  std::vector<std::optional<FileState>> found(objects.size());
  parallel_for(static_cast<std::size_t>(stores_.workers()), objects.size(),
               [&](std::size_t i, std::size_t) { found[i] = state_from(stores_.at(objects[i]).stat(objects[i].key)); });
  for (std::size_t i = 0; i < objects.size(); ++i) looked_.emplace(objects[i].path(), std::move(found[i]));
}

std::optional<FileState> UploadSources::state(const Location& source) {
  if (source.local()) return state_of(source.key);
  auto [known, added] = looked_.try_emplace(source.path());
  if (added) known->second = state_from(stores_.at(source).stat(source.key));
  return known->second;
}

std::string UploadSources::whole(const Location& source) {
  std::string out;
  if (!source.local()) {
    stores_.at(source).get(source.key, [&](std::string_view bytes) { out += bytes; });
    return out;
  }
  std::ifstream in(source.key, std::ios::binary);
  if (!in) throw Error(Exit::kFailed, "'" + source.key + "' cannot be read", "", "OSError");
  return {std::istreambuf_iterator<char>(in), {}};
}

void UploadSources::add(const Location& source, const std::string& folder, const std::string& id) {
  (void)put(source, {folder, std::nullopt}, id);
}

// The index of the file, or nothing when it is not there.
std::optional<std::size_t> UploadSources::put(const Location& source, const Place& place, const std::string& id) {
  const auto path = source.path();
  const auto known = plan_.by_local.find(path);
  if (known != plan_.by_local.end()) {
    const auto& wanted = plan_.files[known->second].wanted;
    if (place.key && wanted != *place.key) {
      twice_.push_back("'" + path + "' would have to be both '" + wanted + "' and '" + *place.key + "'");
    }
    return known->second;
  }
  if (!open_.insert(path).second) return std::nullopt;  // names itself
  const auto state = this->state(source);
  if (!state) {
    ++plan_.missing_paths;
    if (plan_.missing.size() < kListed) plan_.missing.push_back(id + " " + path);
    return std::nullopt;
  }
  PlannedFile file;
  file.local = path;
  file.source = source;
  file.remote = plan_.destination;
  file.state = *state;
  file.scene = request_.include_assets && is_scene(path);
  file.wanted = place.key ? *place.key : join(place.folder, relative(source));
  file.fixed = place.key.has_value();
  if (file.scene) file.assets = put_assets(source, file.wanted, place, id);
  if (request_.include_assets) put_references(source, file.wanted, place, id);
  const auto index = plan_.files.size();
  plan_.by_local.emplace(path, index);
  plan_.bytes += state->size;
  plan_.files.push_back(std::move(file));
  return index;
}

std::string UploadSources::relative(const Location& source) {
  const auto path = source.path();
  if (rel_dir_) {
    if (auto rest = below(path, *rel_dir_)) return *rest;
    if (!request_.outside_by_name) outside_.push_back(path);
  }
  return path.substr(path.find_last_of('/') + 1);
}

std::vector<std::size_t> UploadSources::put_assets(const Location& scene, const std::string& key, const Place& place,
                                                   const std::string& id) {
  std::vector<std::size_t> out;
  std::vector<std::string> names;
  try {
    names = assets_of_scene(whole(scene));
  } catch (const Error& error) {
    throw Error(Exit::kPrecondition, "'" + scene.path() + "' " + error.what());
  }
  for (const auto& name : names) {
    const auto asset = stores_.beside(scene, name);
    if (!goes(asset)) continue;
    // Beside the scene as it is here, where that can be.
    const auto rest = asset.root == scene.root ? below(asset.key, folder_of(scene.key)) : std::nullopt;
    auto saved = rel_dir_;
    if (rest) rel_dir_ = folder_of(asset.path());
    const auto index = put(asset, {rest ? folder_of(join(folder_of(key), *rest)) : place.folder, std::nullopt}, id);
    rel_dir_ = std::move(saved);
    if (index) out.push_back(*index);
  }
  return out;
}

// What a material library or a glTF file names keeps its place beside it.
void UploadSources::put_references(const Location& file, const std::string& key, const Place& place,
                                   const std::string& id) {
  const auto path = file.path();
  if (!path.ends_with(".mtl") && !path.ends_with(".gltf")) return;
  for (const auto& name : references_of(path, whole(file))) {
    const auto named = std::filesystem::path(join(folder_of(key), name)).lexically_normal().string();
    if (!below(named, plan_.destination.key)) {
      twice_.push_back("'" + path + "' names '" + name + "', which would lie outside of the destination");
      continue;
    }
    (void)put(stores_.beside(file, name), {place.folder, named}, id);
  }
}

void UploadSources::check() const {
  if (!outside_.empty()) {
    refuse("These files are not in '" + *rel_dir_ + "'", outside_, outside_.size(),
           "Name a folder above all of them by --rel-dir, or let them go by their base names: --outside basename.");
  }
  if (!twice_.empty()) {
    refuse("These files cannot keep their places beside each other", twice_, twice_.size(),
           "Name a folder above all files by --rel-dir, so that their folders are kept.");
  }
  if (plan_.missing_paths > 0 && !request_.skip_failures) {
    refuse("These files are not there", plan_.missing, static_cast<std::size_t>(plan_.missing_paths),
           "Nothing was uploaded. --skip-failures leaves them out.");
  }
}

}  // namespace fm::media
