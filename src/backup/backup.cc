#include "backup/backup.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <mutex>

#include "backup/bson_file.h"
#include "backup/conveyor.h"
#include "backup/disk.h"
#include "backup/layout.h"
#include "backup/touched.h"
#include "base/error.h"
#include "base/pool.h"
#include "base/text.h"
#include "bson/json.h"
#include "bson/path.h"

namespace fm {

using bson::Document;
using dump::CollectionEntry;

namespace {

constexpr const char* kStandalone = "standalone server: not a point in time; stop clients first";
constexpr const char* kSwitchedOff = "--no-snapshot: not a point in time; stop clients first";

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// What is read: collections as they were at one time.
struct Moment {
  std::vector<CollectionInfo> collections;
  std::optional<ClusterTime> time;
};

std::vector<CollectionInfo> list(Mongo& mongo, const BackupRequest& request) {
  auto all = mongo.collections();
  std::erase_if(all, [&](const CollectionInfo& info) {
    return !dump::is_dumped(info.name) || dump::is_transient(info.name) ||
           (request.collections && !request.collections->contains(info.name));
  });
  for (const auto& info : all) {
    if (info.type == "collection" || info.type == "view") continue;
    throw Error(Exit::kPrecondition,
                "Collection '" + info.name + "' is of the type " + info.type + ", which a backup cannot carry",
                "FiftyOne makes none: move it to another database, or leave out --all.");
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return all;
}

// Name and identity of each.
std::map<std::string, std::string> identities(const std::vector<CollectionInfo>& collections) {
  std::map<std::string, std::string> out;
  for (const auto& info : collections) out.emplace(info.name, info.uuid);
  return out;
}

// One database, and where it goes.
struct Side {
  Mongo& mongo;
  BackupRequest request;
  std::string folder;
  Moment moment = {};
};

// Databases of one server: a time at which exactly the collections of their
// lists were there, the same for all.
void choose(const std::vector<Side*>& sides) {
  constexpr int kTries = 10;
  for (auto* side : sides) side->moment.collections = list(side->mongo, side->request);
  auto& first = *sides.front();
  if (!first.request.snapshot) return;
  for (int i = 0; i < kTries; ++i) {
    const auto time = first.mongo.cluster_time();
    if (!time) return;
    bool moved = false;
    for (auto* side : sides) {
      side->moment.time = time;
      auto again = list(side->mongo, side->request);
      moved = moved || identities(again) != identities(side->moment.collections);
      side->moment.collections = std::move(again);
    }
    if (!moved) return;
  }
  throw Error(Exit::kPrecondition, "Other programs keep creating and dropping collections",
              "Stop them and run the same command again.");
}

// The running program that answers, of a primary or a router: "" of servers
// that do not tell. A time of one server means nothing to another.
std::string process_of(Mongo& mongo) {
  const auto hello = mongo.command(Document{{"hello", 1}}, "admin");
  const auto* id = bson::Path("topologyVersion.processId").find(hello);
  const auto* oid = id ? id->as<bson::Oid>() : nullptr;
  return oid ? oid->hex() : "";
}

// The server refuses to read these as they were.
bool is_capped(const CollectionInfo& info) {
  const auto* capped = info.options.find("capped");
  return capped && capped->truthy();
}

Document metadata_of(const CollectionInfo& info, const std::vector<Document>& indexes) {
  Document out;
  if (!info.options.empty()) out.append("options", info.options);
  out.append("indexes", bson::Array::of(indexes));
  if (!info.uuid.empty()) out.append("uuid", info.uuid);
  out.append("collectionName", info.name);
  out.append("type", info.type);
  return out;
}

class Writer {
 public:
  Writer(Mongo& mongo, const BackupRequest& request, const Moment& moment, const dump::Staging& staging,
         const std::string& folder, const BytesProgress& progress)
      : mongo_(mongo), request_(request), moment_(moment), staging_(staging), folder_(folder), progress_(progress) {}

  std::vector<CollectionEntry> run() {
    const auto count = moment_.collections.size();
    std::vector<CollectionEntry> entries(count);
    measure();
    // Largest first, so that the last one to end is a small one.
    std::vector<std::size_t> order(count);
    for (std::size_t i = 0; i < count; ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return sizes_[a].bytes > sizes_[b].bytes; });
    parallel_for(request_.jobs, count,
                 [&](std::size_t i, std::size_t) { entries[order[i]] = write(moment_.collections[order[i]]); });
    return entries;
  }

 private:
  void measure() {
    sizes_.resize(moment_.collections.size());
    parallel_for(request_.jobs, sizes_.size(), [&](std::size_t i, std::size_t) {
      const auto& info = moment_.collections[i];
      if (info.type == "collection") sizes_[i] = mongo_.estimated_size(info.name);
    });
    for (const auto& size : sizes_) total_ += size.bytes;
    const auto room = staging_.free_bytes();
    if (request_.zstd || static_cast<std::uint64_t>(total_) <= room) return;
    throw Error(Exit::kPrecondition,
                "The backup needs about " + format_bytes(static_cast<std::uint64_t>(total_)) + ", and the disk of " +
                    staging_.target() + " has room for " + format_bytes(room),
                "Make room there, name a folder on another disk, or let the files be smaller with --zstd.");
  }

  CollectionEntry write(const CollectionInfo& info) {
    CollectionEntry entry;
    entry.name = info.name;
    entry.view = info.type == "view";
    const auto stem = folder_ + "/" + dump::file_stem(info.name);
    if (!entry.view) {
      entry.file = stem + (request_.zstd ? ".bson.zst" : ".bson");
      entry.in_snapshot = !(moment_.time && is_capped(info));
      const auto facts =
          copy(info.name, entry.in_snapshot ? moment_.time : std::nullopt, staging_.path() + "/" + entry.file);
      entry.documents = facts.documents;
      entry.bytes = facts.bytes;
      entry.sha256 = facts.sha256;
    }
    const auto metadata = metadata_of(info, entry.view ? std::vector<Document>{} : mongo_.indexes(info.name));
    const auto json = bson::to_canonical_json(metadata);
    if (!(bson::from_json(json) == metadata)) entry.definition = metadata;
    entry.metadata = stem + ".metadata.json";
    entry.metadata_sha256 = sha256_hex(json);
    dump::OutputFile file(staging_.path() + "/" + entry.metadata);
    file.write(json);
    file.close();
    return entry;
  }

  dump::Facts copy(const std::string& collection, const std::optional<ClusterTime>& at, const std::string& path) {
    dump::BsonWriter file(path, request_.zstd);
    {
      dump::Conveyor conveyor([&](const std::string& batch) {
        file.append(batch);
        add(batch.size());
      });
      mongo_.read_raw(collection, at, [&](std::string batch) { conveyor.put(std::move(batch)); });
      conveyor.finish();
    }
    return file.finish();
  }

  void add(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    done_ += static_cast<std::int64_t>(bytes);
    if (progress_) progress_(done_, std::max(total_, done_));
  }

  Mongo& mongo_;
  const BackupRequest& request_;
  const Moment& moment_;
  const dump::Staging& staging_;
  const std::string& folder_;
  const BytesProgress& progress_;
  std::vector<Mongo::Size> sizes_;
  std::int64_t total_ = 0;
  std::int64_t done_ = 0;
  std::mutex mutex_;
};

// A collection dropped meanwhile reads as an empty one.
void check_still_there(Mongo& mongo, const BackupRequest& request, const Moment& moment) {
  const auto now = identities(list(mongo, request));
  for (const auto& info : moment.collections) {
    const auto found = now.find(info.name);
    if (found != now.end() && found->second == info.uuid) continue;
    throw Error(Exit::kPrecondition, "Collection '" + info.name + "' was dropped or replaced while it was read",
                "Stop the other programs and run the same command again.");
  }
}

std::int64_t size_on_disk(const std::string& directory) {
  std::int64_t out = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) out += static_cast<std::int64_t>(entry.file_size());
  }
  return out;
}

// One database, into its folder of the staging.
dump::Manifest write_database(const Side& side, const dump::Staging& staging, const BytesProgress& progress,
                              std::vector<std::string>& warnings) {
  auto& mongo = side.mongo;
  const auto& request = side.request;
  const auto& moment = side.moment;
  dump::Manifest manifest;
  manifest.started_ms = now_ms();
  manifest.tool = request.tool;
  manifest.database = mongo.database();
  manifest.server_version = mongo.server_version();
  manifest.scope = request.scope;
  manifest.plan = request.plan;
  manifest.snapshot = moment.time;
  manifest.zstd = request.zstd;
  if (!moment.time) {
    manifest.no_snapshot = request.snapshot ? kStandalone : kSwitchedOff;
    auto warning = "The backup is no point in time (" + manifest.no_snapshot + ")";
    if (std::find(warnings.begin(), warnings.end(), warning) == warnings.end()) warnings.push_back(std::move(warning));
  }
  staging.make_folder(side.folder);
  manifest.collections = Writer(mongo, request, moment, staging, side.folder, progress).run();
  check_still_there(mongo, request, moment);
  for (const auto& entry : manifest.collections) {
    if (entry.in_snapshot) continue;
    warnings.push_back("Collection '" + entry.name +
                       "' is capped: it was read as it stood, not as of the moment of the others");
  }
  manifest.finished_ms = now_ms();
  return manifest;
}

}  // namespace

BackupReport backup(Mongo& mongo, const BackupRequest& request, const BytesProgress& progress) {
  BackupReport report;
  dump::Staging staging(request.directory);
  Side main{mongo, request, mongo.database()};
  std::optional<Side> cas;
  if (request.cas) {
    // Two servers may have databases of one name.
    const auto name = request.cas->database();
    cas.emplace(Side{*request.cas, request, name + (name == mongo.database() ? ".cas" : "")});
    cas->request.collections = request.cas_collections;
    cas->request.plan.reset();
    const auto process = process_of(mongo);
    if (!process.empty() && process == process_of(*request.cas)) {
      choose({&main, &*cas});
    } else {
      choose({&*cas});
      choose({&main});
    }
    report.cas = write_database(*cas, staging, progress, report.warnings);
    dump::OutputFile file(staging.path() + "/" + dump::kCasManifestName);
    file.write(dump::to_json(*report.cas));
    file.close();
  } else {
    choose({&main});
  }
  report.manifest = write_database(main, staging, progress, report.warnings);
  staging.publish(dump::kManifestName, dump::to_json(report.manifest));
  report.directory = staging.target();
  report.file_bytes = size_on_disk(report.directory);
  return report;
}

}  // namespace fm
