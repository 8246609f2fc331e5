#include "media/verify_media.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <unordered_map>

#include "base/error.h"
#include "base/pool.h"
#include "bson/json.h"
#include "bson/read.h"
#include "media/leaves.h"

namespace fm::media {

using bson::Document;

namespace {

constexpr std::size_t kFirst = 100;

struct Named {
  std::string field;
  bson::Value document;
};

class Check {
 public:
  Check(Stores& stores, const std::unordered_map<std::string, Manifest::Entry>& uploads, bool full)
      : stores_(stores), uploads_(uploads), full_(full) {}

  MediaCheck report;
  std::vector<std::pair<std::string, Named>> paths;  // distinct ones, with their first place

  void take(const std::string& text, const MediaField& field, const bson::Value& id) {
    ++report.paths;
    const auto location = stores_.locate(text);
    if (location.local()) ++report.local;
    if (location.system == FileSystem::kHttp) ++report.web;
    if (!seen_.emplace(text, 0).second || location.system == FileSystem::kHttp) return;
    paths.emplace_back(text, Named{field.name, id});
  }

  void look_at(std::size_t index) {
    const auto& [path, named] = paths[index];
    auto fault = fault_of(path);
    const std::lock_guard lock(mutex_);
    ++report.objects;
    if (fault.empty()) return;
    ++report.faults;
    if (report.first.size() < kFirst) report.first.push_back({named.field, named.document, path, std::move(fault)});
  }

 private:
  std::string fault_of(const std::string& path) {
    const auto location = stores_.locate(path);
    auto& store = stores_.at(location);
    const auto facts = store.stat(location.key);
    if (!facts) return "is not there";
    const auto found = uploads_.find(path);
    if (found == uploads_.end() || found->second.sha256.empty()) return "";
    const auto& entry = found->second;
    // A scene is stored with other names of its assets than its file has.
    const bool scene = path.ends_with(".fo3d");
    if (!scene && facts->size != entry.state.size) {
      return "has " + std::to_string(facts->size) + " bytes, " + std::to_string(entry.state.size) + " were uploaded";
    }
    if (!full_) {
      const bool differs = !entry.etag.empty() && facts->etag != entry.etag;
      return differs ? "is not what was uploaded: its ETag is another" : "";
    }
    ContentHash<Sha256> hash(facts->size);
    store.get(location.key, [&](std::string_view bytes) { hash.update(bytes); });
    {
      const std::lock_guard lock(mutex_);
      ++report.compared;
    }
    return hash.finish() == entry.sha256 ? "" : "is not what was uploaded: its SHA-256 is another";
  }

  Stores& stores_;
  const std::unordered_map<std::string, Manifest::Entry>& uploads_;
  bool full_;
  std::mutex mutex_;
  std::unordered_map<std::string, char> seen_;
};

}  // namespace

MediaCheck verify_media(Mongo& mongo, const MediaDataset& dataset, const std::vector<MediaField>& fields,
                        Stores& stores, const std::unordered_map<std::string, Manifest::Entry>& uploads, bool full,
                        const Remap* remap,
                        const std::function<void(std::int64_t done, std::int64_t total)>& progress) {
  Check check(stores, uploads, full);
  for (const auto& field : fields) {
    FindOptions options;
    options.projection = Document{{"_id", 1}, {top_of(field.path), 1}};
    mongo.find(dataset.collection_of(field), {}, options, [&](const bson::View& view) {
      const auto document = view.decode();
      for (const auto& text : texts_at(document, field.path)) {
        if (!remap) check.take(text, field, *document.find("_id"));
        if (!remap) continue;
        if (const auto path = (*remap)(text)) check.take(*path, field, *document.find("_id"));
      }
    });
  }
  std::atomic<std::int64_t> done = 0;
  const auto total = static_cast<std::int64_t>(check.paths.size());
  parallel_for(static_cast<std::size_t>(stores.workers()), check.paths.size(),
               [&](std::size_t index, std::size_t worker) {
                 check.look_at(index);
                 const auto now = ++done;
                 if (worker == 0) progress(now, total);
               });
  return std::move(check.report);
}

std::unordered_map<std::string, Manifest::Entry> known_uploads(const std::string& folder) {
  std::unordered_map<std::string, Manifest::Entry> out;
  std::error_code error;
  for (const auto& item : std::filesystem::directory_iterator(folder, error)) {
    for (auto& [local, entry] : Manifest::read(item.path().string())) {
      if (entry.uploaded) out[entry.remote] = std::move(entry);
    }
  }
  return out;
}

}  // namespace fm::media
