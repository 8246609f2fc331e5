#include "backup/touched.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <type_traits>
#include <variant>
#include <vector>

#include "bson/read.h"
#include "exec/database.h"
#include "exec/prepare.h"
#include "exec/restore_mark.h"
#include "ops/operation.h"

namespace fm::dump {

using bson::Document;

namespace {

// Shared by all datasets; custom operations may write to the files.
constexpr const char* kShared[] = {"datasets", "config", "runs", "views", "delegated_ops", "fs.files", "fs.chunks"};

class Touched {
 public:
  Touched(Mongo& mongo, std::set<std::string>& names) : mongo_(mongo), names_(names) {}

  // Whether collections of the dataset itself are among what the steps write.
  bool add(const Route& route) {
    bool own = false;
    for (const auto* revision : route.revisions) own = add(steps_of(*revision, route.direction)) || own;
    return own;
  }

 private:
  bool add(const ops::Steps& steps) {
    bool own = false;
    for (const auto& step : steps) {
      using Kind = ops::Target::Kind;
      const auto kind = step.target.kind;
      own = own || kind == Kind::kSamples || kind == Kind::kFrames || kind == Kind::kSampleFrames;
      if (kind == Kind::kOwned) names_.insert(step.target.collection);
      std::visit(
          [&](const auto& operation) {
            using T = std::decay_t<decltype(operation)>;
            if constexpr (std::is_same_v<T, ops::Extract> || std::is_same_v<T, ops::Inline> ||
                          std::is_same_v<T, ops::DropReferences>) {
              names_.insert(operation.collection);
            } else if constexpr (std::is_same_v<T, ops::Each> || std::is_same_v<T, ops::EachField>) {
              own = add(operation.steps) || own;
            } else if constexpr (std::is_same_v<T, ops::DropCollections>) {
              for (const auto& name : droppable(mongo_, operation)) names_.insert(name);
            }
          },
          step.operation);
    }
    return own;
  }

  Mongo& mongo_;
  std::set<std::string>& names_;
};

// By encoded _id.
std::map<std::string, std::vector<std::string>> collections_by_dataset(Mongo& mongo) {
  std::map<std::string, std::vector<std::string>> out;
  FindOptions options;
  options.projection = Document{{"sample_collection_name", 1}, {"frame_collection_name", 1}};
  mongo.find("datasets", {}, options, [&](const bson::View& view) {
    if (const auto id = view.get("_id")) out[id_key(*id)] = own_collections(view);
  });
  return out;
}

}  // namespace

std::set<std::string> touched_collections(Mongo& mongo, const Plan& plan, const Heads& heads) {
  std::set<std::string> out(std::begin(kShared), std::end(kShared));
  for (const auto& name : mongo.collection_names()) {
    if (name.starts_with("migrator.")) out.insert(name);
  }
  Touched touched(mongo, out);
  for (const auto& route : plan.database) touched.add(route);
  std::vector<bool> own;
  for (const auto& route : plan.routes) own.push_back(touched.add(route));
  if (std::find(own.begin(), own.end(), true) == own.end()) return out;
  const auto collections = collections_by_dataset(mongo);
  for (const auto& move : plan.datasets) {
    if (!own[move.route]) continue;
    const auto found = collections.find(id_key(heads.datasets[move.head].id));
    if (found != collections.end()) out.insert(found->second.begin(), found->second.end());
  }
  return out;
}

Covered covered_by(const Plan& plan, const Heads& heads) {
  Covered out{plan.target, {}};
  for (const auto& move : plan.datasets) out.datasets.push_back(heads.datasets[move.head].id);
  return out;
}

std::vector<std::string> own_collections(bson::View dataset) {
  std::vector<std::string> out;
  if (const auto samples = dataset.get_string("sample_collection_name"); samples && !samples->empty()) {
    out.emplace_back(*samples);
    out.push_back("frames." + out.front());
  }
  if (const auto frames = dataset.get_string("frame_collection_name"); frames && !frames->empty()) {
    out.emplace_back(*frames);
  }
  return out;
}

bool is_shared(const std::string& collection) {
  return collection != "datasets" && std::find(std::begin(kShared), std::end(kShared), collection) != std::end(kShared);
}

bool is_transient(const std::string& collection) {
  return collection == "migrator.lease" || collection == kRestoreMark || collection.starts_with("migrator.scratch.");
}

}  // namespace fm::dump
