#include "exec/journal.h"

#include <unistd.h>

#include <map>

#include "base/hash.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr const char* kCollection = "migrator.journal";

Value entry_id(const Prepared& dataset) { return Document{{"dataset", dataset.id}}; }

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

// Equal plans have equal hashes.
std::string plan_hash(const Plan& plan) {
  Sha256 hash;
  const auto add = [&](const std::string& text) {
    hash.update(text);
    hash.update(std::string_view("\0", 1));
  };
  for (const auto* routes : {&plan.database, &plan.routes}) {
    for (const auto& route : *routes) {
      add(route.from);
      add(route.to);
      for (const auto* revision : route.revisions) add(revision->checksum);
    }
  }
  for (const auto& move : plan.datasets) add(std::to_string(move.head) + ":" + std::to_string(move.route));
  return to_hex(hash.finish());
}

Document deletes_of(const std::vector<ops::References::Entry>& entries) {
  std::map<std::string, Array> ids;
  for (const auto& entry : entries) {
    if (entry.before && !entry.after) ids[entry.collection].append(entry.id);
  }
  Document out;
  for (auto& [collection, list] : ids) out.append(collection, std::move(list));
  return out;
}

}  // namespace

void Journal::begin(const Plan& plan, std::int64_t now_ms, const std::string& seed) {
  mongo_.upsert(kCollection, {Document{{"_id", "run"}},
                              Document{{"_id", "run"},
                                       {"target", plan.target},
                                       {"plan", plan_hash(plan)},
                                       {"now", bson::Date{now_ms}},
                                       {"seed", bson::Binary{0, seed}},
                                       {"host", host_name()},
                                       {"pid", static_cast<std::int64_t>(getpid())}}});
}

void Journal::end() {
  mongo_.remove_durably(kCollection, "run");
  if (!mongo_.find_one(kCollection, {})) mongo_.drop(kCollection);
}

void Journal::enter(const std::vector<Prepared*>& datasets) {
  std::vector<Document> entries;
  for (const auto* dataset : datasets) {
    Array files;
    for (const auto& patch : dataset->context.file_patches) files.append(patch.old_id);
    entries.push_back({{"_id", entry_id(*dataset)},
                       {"name", dataset->name},
                       {"from", dataset->route->from},
                       {"to", dataset->route->to},
                       {"pass", 0},
                       {"deletes", deletes_of(dataset->context.references.entries())},
                       {"files", std::move(files)}});
  }
  for (const auto index : mongo_.insert(kCollection, entries)) {
    mongo_.upsert(kCollection, {Document{{"_id", entry_id(*datasets[index])}}, entries[index]});
  }
}

void Journal::advance(const Prepared& dataset, std::size_t pass) {
  mongo_.update(kCollection, {{Document{{"_id", entry_id(dataset)}},
                               Document{{"$set", Document{{"pass", static_cast<std::int64_t>(pass)}}}}}});
}

void Journal::leave(const std::vector<Prepared*>& datasets) {
  std::vector<Value> ids;
  for (const auto* dataset : datasets) ids.push_back(entry_id(*dataset));
  mongo_.remove(kCollection, ids);
}

}  // namespace fm
