#include "media/upload_plan.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "base/error.h"
#include "bson/json.h"
#include "media/leaves.h"
#include "media/manifest.h"
#include "media/remap.h"
#include "media/scene.h"

namespace fm::media {

namespace fs = std::filesystem;

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr std::size_t kListed = 20;

std::string whole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw Error(Exit::kFailed, "'" + path + "' cannot be read", "", "OSError");
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string id_of(const Document& document) {
  const auto& id = *document.find("_id");
  if (const auto* oid = id.as<bson::Oid>()) return oid->hex();
  if (const auto* text = id.as<std::string>()) return *text;
  return bson::to_relaxed_json(Document{{"_id", id}});
}

std::string folder_of(const std::string& path) { return path.substr(0, path.find_last_of('/')); }

// `path` below `folder`, or nothing.
std::optional<std::string> below(const std::string& path, const std::string& folder) {
  const auto start = join(folder, "");
  const auto prefix = start.ends_with('/') ? start : start + "/";
  if (!path.starts_with(prefix)) return std::nullopt;
  return path.substr(prefix.size());
}

[[noreturn]] void refuse(const std::string& what, const std::vector<std::string>& lines, std::size_t count,
                         const std::string& remedy) {
  auto text = what + ":";
  for (std::size_t i = 0; i < lines.size() && i < kListed; ++i) text += "\n  " + lines[i];
  if (count > kListed) text += "\n  and " + std::to_string(count - kListed) + " more";
  throw Error(Exit::kPrecondition, text, remedy);
}

class Planner {
 public:
  Planner(Mongo& mongo, const MediaDataset& dataset, const UploadRequest& request, Stores& stores,
          const Manifest* manifest)
      : mongo_(mongo), dataset_(dataset), request_(request), stores_(stores), manifest_(manifest) {}

  UploadPlan make() {
    plan_.fields = select_fields(dataset_, request_.fields);
    destination_ = stores_.locate(without_slash(request_.destination));
    plan_.destination = destination_.path();
    if (destination_.local() && request_.destination.find("://") != std::string::npos) {
      throw Error(Exit::kUsage, "'" + request_.destination + "' begins with no scheme that is known",
                  "Known are s3://, gs://, https://ACCOUNT.blob.core.windows.net/, and what MINIO_ALIAS, "
                  "MINIO_ENDPOINT_URL, AZURE_ALIAS and AZURE_STORAGE_ACCOUNT_URL name.");
    }
    if (destination_.system == FileSystem::kHttp) {
      throw Error(Exit::kUsage, "'" + request_.destination + "' is on the web, not in an object store");
    }
    if (!destination_.local() && destination_.bucket().empty()) {
      throw Error(Exit::kUsage, "'" + request_.destination + "' names no bucket");
    }
    if (request_.rel_dir) rel_dir_ = stores_.locate(*request_.rel_dir).key;
    for (const bool frames : {false, true}) read(frames);
    if (request_.overwrite) {
      for (const bool frames : {false, true}) spare(frames);
    }
    check_found();
    if (request_.dedupe) leave_out_equal_files();
    if (!destination_.local() || fs::exists(destination_.key)) {
      stores_.at(destination_).list(destination_.key, true, [&](const ObjectStore::Entry& entry) {
        plan_.present.emplace(entry.key, entry.size);
      });
    }
    give_names();
    return std::move(plan_);
  }

 private:
  void read(bool frames) {
    Document projection{{"_id", 1}};
    std::vector<const MediaField*> fields;
    for (const auto& field : plan_.fields) {
      if (field.frames != frames) continue;
      fields.push_back(&field);
      projection.set(top_of(field.path), 1);
    }
    if (fields.empty()) return;
    FindOptions options;
    options.projection = projection;
    const auto& collection = frames ? dataset_.frames : dataset_.samples;
    mongo_.find(collection, documents_of(dataset_, request_, frames, mongo_), options, [&](const bson::View& view) {
      const auto document = view.decode();
      for (const auto* field : fields) {
        for (const auto& text : texts_at(document, field->path)) take(text, *field, document);
      }
    });
  }

  // What any field of any document names below the destination is not overwritten.
  void spare(bool frames) {
    const auto pattern = Remap({{destination_.path(), "-"}}).pattern();
    Document projection{{"_id", 1}};
    Array any;
    std::vector<const MediaField*> fields;
    for (const auto& field : dataset_.fields) {
      if (field.frames != frames) continue;
      fields.push_back(&field);
      projection.set(top_of(field.path), 1);
      any.append(Document{{field.path, Document{{"$regex", pattern}}}});
    }
    if (fields.empty()) return;
    FindOptions options;
    options.projection = projection;
    mongo_.find(frames ? dataset_.frames : dataset_.samples, Document{{"$or", any}}, options,
                [&](const bson::View& view) {
                  const auto document = view.decode();
                  for (const auto* field : fields) {
                    for (const auto& text : texts_at(document, field->path)) {
                      const auto location = stores_.locate(text);
                      if (location.root == destination_.root) plan_.taken.insert(location.key);
                    }
                  }
                });
  }

  void take(const std::string& text, const MediaField& field, const Document& document) {
    if (text.empty()) return;
    const auto location = stores_.locate(text);
    if (!location.local() || (destination_.local() && below(location.key, destination_.key))) {
      ++plan_.remote_paths;
      if (location.root == destination_.root) plan_.taken.insert(location.key);
      return;
    }
    ++plan_.paths;
    if (plan_.by_local.contains(location.key)) return;
    const auto folder = plan_.fields.size() > 1 ? join(destination_.key, field.name) : destination_.key;
    add(location.key, folder, std::nullopt, document);
  }

  // The index of the file, or nothing when it is not there. `wanted`: a key it
  // has to have, because a file that is not rewritten names it.
  std::optional<std::size_t> add(const std::string& local, const std::string& folder,
                                 const std::optional<std::string>& wanted, const Document& document) {
    const auto known = plan_.by_local.find(local);
    if (known != plan_.by_local.end()) {
      if (wanted && wanted_[known->second] != *wanted) {
        twice_.push_back("'" + local + "' would have to be both '" + wanted_[known->second] + "' and '" + *wanted +
                         "'");
      }
      return known->second;
    }
    if (!open_.insert(local).second) return std::nullopt;  // names itself
    const auto state = state_of(local);
    if (!state) {
      ++plan_.missing_paths;
      if (plan_.missing.size() < kListed) {
        plan_.missing.push_back(id_of(document) + " " + local);
      }
      return std::nullopt;
    }
    PlannedFile file;
    file.local = local;
    file.remote = destination_;
    file.state = *state;
    file.scene = is_scene(local);
    const auto key = wanted ? *wanted : join(folder, relative(local));
    std::vector<std::size_t> assets;
    if (file.scene) assets = add_assets(local, key, folder, document);
    add_references(local, key, folder, document);
    file.assets = std::move(assets);
    const auto index = plan_.files.size();
    plan_.by_local.emplace(local, index);
    plan_.bytes += state->size;
    plan_.files.push_back(std::move(file));
    wanted_.push_back(key);
    fixed_.push_back(wanted.has_value());
    return index;
  }

  std::string relative(const std::string& local) {
    if (!rel_dir_) return local.substr(local.find_last_of('/') + 1);
    if (auto rest = below(local, *rel_dir_)) return *rest;
    if (!request_.outside_by_name) outside_.push_back(local);
    return local.substr(local.find_last_of('/') + 1);
  }

  std::vector<std::size_t> add_assets(const std::string& scene, const std::string& key, const std::string& folder,
                                      const Document& document) {
    std::vector<std::size_t> out;
    std::vector<std::string> names;
    try {
      names = assets_of_scene(whole(scene));
    } catch (const Error& error) {
      throw Error(Exit::kPrecondition, "'" + scene + "' " + error.what());
    }
    for (const auto& name : names) {
      const auto asset = stores_.locate(
          name.starts_with('/') || name.find("://") != std::string::npos ? name : join(folder_of(scene), name));
      if (!asset.local()) continue;
      // Beside the scene as it is here, where that can be.
      const auto rest = below(asset.key, folder_of(scene));
      const auto place = rest ? folder_of(join(folder_of(key), *rest)) : folder;
      if (const auto index = add_at(asset.key, place, rest.has_value(), document)) out.push_back(*index);
    }
    return out;
  }

  std::optional<std::size_t> add_at(const std::string& local, const std::string& place, bool beside,
                                    const Document& document) {
    if (!beside) return add(local, place, std::nullopt, document);
    const auto saved = std::exchange(rel_dir_, std::optional<std::string>(folder_of(local)));
    const auto index = add(local, place, std::nullopt, document);
    rel_dir_ = saved;
    return index;
  }

  // What a material library or a glTF file names keeps its place beside it.
  void add_references(const std::string& local, const std::string& key, const std::string& folder,
                      const Document& document) {
    if (!local.ends_with(".mtl") && !local.ends_with(".gltf")) return;
    for (const auto& name : references_of(local, whole(local))) {
      const auto file = fs::path(join(folder_of(local), name)).lexically_normal().string();
      const auto place = fs::path(join(folder_of(key), name)).lexically_normal().string();
      if (!below(place, destination_.key)) {
        twice_.push_back("'" + local + "' names '" + name + "', which would lie outside of the destination");
        continue;
      }
      add(file, folder, place, document);
    }
  }

  void check_found() {
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

  // Of files with the same content the first one goes for all. Scenes, which are
  // rewritten, and what has to keep its place beside another file go by themselves.
  void leave_out_equal_files() {
    std::unordered_map<std::int64_t, std::size_t> sizes;
    for (const auto& file : plan_.files) ++sizes[file.state.size];
    std::map<std::pair<std::int64_t, std::string>, std::size_t> first;  // size and hash -> new index
    std::vector<std::size_t> moved(plan_.files.size());
    std::vector<PlannedFile> kept;
    std::vector<std::string> wanted;
    std::vector<bool> fixed;
    for (std::size_t i = 0; i < plan_.files.size(); ++i) {
      const auto& file = plan_.files[i];
      moved[i] = kept.size();
      if (!file.scene && !fixed_[i] && sizes[file.state.size] > 1) {
        const auto [known, added] =
            first.emplace(std::pair(file.state.size, LocalFile(file.local).sha256()), kept.size());
        moved[i] = known->second;
        if (!added) {
          ++plan_.equal_files;
          plan_.bytes -= file.state.size;
          continue;
        }
      }
      kept.push_back(file);
      wanted.push_back(wanted_[i]);
      fixed.push_back(fixed_[i]);
    }
    for (auto& file : kept) {
      for (auto& asset : file.assets) asset = moved[asset];
    }
    for (auto& [local, index] : plan_.by_local) index = moved[index];
    plan_.files = std::move(kept);
    wanted_ = std::move(wanted);
    fixed_ = std::move(fixed);
  }

  bool free(const std::string& key, std::size_t index) const {
    if (given_.contains(key)) return false;
    if (plan_.taken.contains(key)) return false;
    const auto found = plan_.present.find(key);
    // Of the same size it may be the same content: seen when it is its turn.
    return found == plan_.present.end() || request_.overwrite || found->second == plan_.files[index].state.size;
  }

  void give(std::size_t index, const std::string& key) {
    plan_.files[index].remote.key = key;
    given_.insert(key);
  }

  void give_names() {
    std::vector<bool> named(plan_.files.size());
    for (std::size_t i = 0; manifest_ && i < plan_.files.size(); ++i) {
      const auto entry = manifest_->find(plan_.files[i].local);
      const auto remote = entry ? stores_.locate(entry->remote) : Location();
      if (!entry || remote.root != destination_.root || given_.contains(remote.key)) continue;
      give(i, remote.key);
      named[i] = true;
    }
    std::unordered_set<std::string> natural(wanted_.begin(), wanted_.end());
    for (const bool fixed : {true, false}) {
      for (std::size_t i = 0; i < plan_.files.size(); ++i) {
        if (named[i] || fixed_[i] != fixed) continue;
        auto key = wanted_[i];
        if (!free(key, i)) {
          if (fixed) {
            throw Error(Exit::kPrecondition,
                        "'" + plan_.files[i].local + "' has to become '" + key + "', where something else is",
                        "Choose another destination, or keep the folders apart by --rel-dir.");
          }
          if (request_.on_clash == UploadRequest::Clash::kHash) key = hashed(i);
          for (int n = 2; !free(key, i) || natural.contains(key); ++n) {
            key = numbered(wanted_[i], n);
          }
          plan_.clashes.push_back({plan_.files[i].local, destination_.root + wanted_[i], destination_.root + key});
        }
        give(i, key);
      }
    }
    plan_.taken.merge(given_);
    if (plan_.clashes.empty() || request_.on_clash != UploadRequest::Clash::kError) return;
    std::vector<std::string> lines;
    for (const auto& clash : plan_.clashes) lines.push_back(clash.local + " -> " + clash.wanted);
    refuse("These files would get a name that is taken", lines, lines.size(),
           "Nothing was uploaded. --on-clash rename gives them names of their own, --rel-dir keeps folders apart.");
  }

  std::string hashed(std::size_t index) const {
    const auto& key = wanted_[index];
    const auto name = key.substr(key.find_last_of('/') + 1);
    const auto dot = name.rfind('.');
    return join(folder_of(key), LocalFile(plan_.files[index].local).sha256().substr(0, 16) +
                                    (dot == std::string::npos ? "" : name.substr(dot)));
  }

  Mongo& mongo_;
  const MediaDataset& dataset_;
  const UploadRequest& request_;
  Stores& stores_;
  const Manifest* manifest_;
  UploadPlan plan_;
  Location destination_;
  std::optional<std::string> rel_dir_;
  std::vector<std::string> wanted_;  // keys, by file
  std::vector<bool> fixed_;
  std::unordered_set<std::string> given_;
  std::unordered_set<std::string> open_;
  std::vector<std::string> outside_;
  std::vector<std::string> twice_;
};

}  // namespace

std::string numbered(const std::string& path, int n) {
  const auto slash = path.find_last_of('/');
  const auto dot = path.rfind('.');
  const bool has_ending = dot != std::string::npos && (slash == std::string::npos || dot > slash + 1);
  const auto stem = has_ending ? path.substr(0, dot) : path;
  return stem + "-" + std::to_string(n) + (has_ending ? path.substr(dot) : "");
}

Document documents_of(const MediaDataset& dataset, const UploadRequest& request, bool frames, Mongo& mongo) {
  Document filter;
  if (request.samples) {
    Array ids;
    for (const auto& id : *request.samples) ids.append(id);
    filter.append(frames ? "_sample_id" : "_id", Document{{"$in", std::move(ids)}});
  }
  if (request.group_slices.empty()) return filter;
  if (dataset.group_field.empty()) {
    throw Error(Exit::kUsage, "Dataset '" + dataset.name + "' is not grouped: it has no slices");
  }
  Array slices;
  for (const auto& slice : request.group_slices) slices.append(slice);
  const Document of_slices{{dataset.group_field + ".name", Document{{"$in", std::move(slices)}}}};
  if (!frames) return filter.empty() ? of_slices : Document{{"$and", Array{filter, of_slices}}};
  FindOptions options;
  options.projection = Document{{"_id", 1}};
  Array ids;
  mongo.find(dataset.samples, of_slices, options, [&](const bson::View& view) { ids.append(*view.get("_id")); });
  const Document of_samples{{"_sample_id", Document{{"$in", std::move(ids)}}}};
  return filter.empty() ? of_samples : Document{{"$and", Array{filter, of_samples}}};
}

UploadPlan plan_upload(Mongo& mongo, const MediaDataset& dataset, const UploadRequest& request, Stores& stores,
                       const Manifest* manifest) {
  return Planner(mongo, dataset, request, stores, manifest).make();
}

}  // namespace fm::media
