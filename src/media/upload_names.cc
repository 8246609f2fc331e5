#include "media/upload_names.h"

#include <map>

#include "base/error.h"
#include "media/object_copy.h"
#include "media/upload_sources.h"

namespace fm::media {

namespace {

std::string sha256_of(const PlannedFile& file, Stores& stores) {
  if (file.source.local()) return LocalFile(file.source.key).sha256();
  return sha256_of(stores.at(file.source), file.source.key, file.state.size);
}

class Names {
 public:
  Names(UploadPlan& plan, const UploadRequest& request, Stores& stores)
      : plan_(plan), request_(request), stores_(stores), named_(plan.files.size()) {}

  void give_all(const Manifest* manifest) {
    if (manifest) keep(*manifest);
    for (const auto& file : plan_.files) natural_.insert(file.wanted);
    for (const bool fixed : {true, false}) {
      for (std::size_t i = 0; i < plan_.files.size(); ++i) {
        if (!named_[i] && plan_.files[i].fixed == fixed) give(i);
      }
    }
    plan_.taken.merge(given_);
  }

 private:
  // As an earlier attempt has named them.
  void keep(const Manifest& manifest) {
    for (std::size_t i = 0; i < plan_.files.size(); ++i) {
      const auto entry = manifest.find(plan_.files[i].local);
      const auto remote = entry ? stores_.locate(entry->remote) : Location();
      if (entry && remote.root == plan_.destination.root && !given_.contains(remote.key)) set(i, remote.key);
    }
  }

  void give(std::size_t index) {
    const auto& file = plan_.files[index];
    auto key = file.wanted;
    if (!free(key, index)) {
      if (file.fixed) {
        throw Error(Exit::kPrecondition, "'" + file.local + "' has to become '" + key + "', where something else is",
                    "Choose another destination, or keep the folders apart by --rel-dir.");
      }
      if (request_.on_clash == UploadRequest::Clash::kHash) key = hashed(file);
      for (int n = 2; !free(key, index) || natural_.contains(key); ++n) key = numbered(file.wanted, n);
      const auto& root = plan_.destination.root;
      plan_.clashes.push_back({file.local, root + file.wanted, root + key});
    }
    set(index, key);
  }

  bool free(const std::string& key, std::size_t index) const {
    if (given_.contains(key) || plan_.taken.contains(key)) return false;
    const auto found = plan_.present.find(key);
    // Of the same size it may be the same content: seen when it is its turn.
    return found == plan_.present.end() || request_.overwrite || found->second == plan_.files[index].state.size;
  }

  void set(std::size_t index, const std::string& key) {
    plan_.files[index].remote.key = key;
    given_.insert(key);
    named_[index] = true;
  }

  std::string hashed(const PlannedFile& file) const {
    const auto name = file.wanted.substr(file.wanted.find_last_of('/') + 1);
    const auto dot = name.rfind('.');
    return join(folder_of(file.wanted),
                sha256_of(file, stores_).substr(0, 16) + (dot == std::string::npos ? "" : name.substr(dot)));
  }

  UploadPlan& plan_;
  const UploadRequest& request_;
  Stores& stores_;
  std::vector<bool> named_;
  std::unordered_set<std::string> given_;
  std::unordered_set<std::string> natural_;
};

}  // namespace

void leave_out_equal_files(UploadPlan& plan, Stores& stores) {
  std::unordered_map<std::int64_t, std::size_t> sizes;
  for (const auto& file : plan.files) ++sizes[file.state.size];
  std::map<std::pair<std::int64_t, std::string>, std::size_t> first;  // size and hash -> new index
  std::vector<std::size_t> moved(plan.files.size());
  std::vector<PlannedFile> kept;
  for (std::size_t i = 0; i < plan.files.size(); ++i) {
    auto& file = plan.files[i];
    moved[i] = kept.size();
    if (!file.scene && !file.fixed && sizes[file.state.size] > 1) {
      const auto [known, added] = first.emplace(std::pair(file.state.size, sha256_of(file, stores)), kept.size());
      moved[i] = known->second;
      if (!added) {
        ++plan.equal_files;
        plan.bytes -= file.state.size;
        continue;
      }
    }
    kept.push_back(std::move(file));
  }
  for (auto& file : kept) {
    for (auto& asset : file.assets) asset = moved[asset];
  }
  for (auto& [local, index] : plan.by_local) index = moved[index];
  plan.files = std::move(kept);
}

void give_names(UploadPlan& plan, const UploadRequest& request, Stores& stores, const Manifest* manifest) {
  Names(plan, request, stores).give_all(manifest);
  if (plan.clashes.empty() || request.on_clash != UploadRequest::Clash::kError) return;
  std::vector<std::string> lines;
  for (const auto& clash : plan.clashes) lines.push_back(clash.local + " -> " + clash.wanted);
  refuse("These files would get a name that is taken", lines, lines.size(),
         "Nothing was uploaded. --on-clash rename gives them names of their own, --rel-dir keeps folders apart.");
}

std::string numbered(const std::string& path, int n) {
  const auto slash = path.find_last_of('/');
  const auto dot = path.rfind('.');
  const bool has_ending = dot != std::string::npos && (slash == std::string::npos || dot > slash + 1);
  const auto stem = has_ending ? path.substr(0, dot) : path;
  return stem + "-" + std::to_string(n) + (has_ending ? path.substr(dot) : "");
}

}  // namespace fm::media
