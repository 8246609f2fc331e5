#include "exec/journal.h"

#include <unistd.h>

#include <map>

#include "base/hash.h"
#include "base/machine.h"
#include "bson/path.h"
#include "bson/read.h"
#include "exec/own_revisions.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

Value entry_id(const Prepared& dataset) { return Document{{"dataset", dataset.id}}; }

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

// One value for each document that the dataset deletes, by collection.
Document of_deletes(const Prepared& dataset, Value (*make)(const ops::References::Entry&)) {
  std::map<std::string, Array> lists;
  for (const auto& entry : dataset.context.references.entries()) {
    if (entry.before && !entry.after) lists[entry.collection].append(make(entry));
  }
  Document out;
  for (auto& [collection, list] : lists) out.append(collection, std::move(list));
  return out;
}

Document deletes_of(const Prepared& dataset) {
  return of_deletes(dataset, [](const ops::References::Entry& entry) { return entry.id; });
}

Document sums_of(const Prepared& dataset) {
  return of_deletes(dataset,
                    [](const ops::References::Entry& entry) { return Value(sum_of(bson::encode(*entry.before))); });
}

}  // namespace

std::string sum_of(const bson::Bytes& document) {
  return sha256_hex({reinterpret_cast<const char*>(document.data()), document.size()});
}

std::string pass_key(const ops::Pass& pass) {
  const auto pipeline = bson::encode(Document{{pass.collection, pass.pipeline}});
  return sha256_hex({reinterpret_cast<const char*>(pipeline.data()), pipeline.size()}).substr(0, 16);
}

void Journal::begin(const Plan& plan, const std::string& run, const std::string& request, std::int64_t now_ms,
                    const std::string& seed, const std::string& undoes) {
  mongo_.upsert(kCollection, {Document{{"_id", "run"}}, Document{{"_id", "run"},
                                                                 {"run", run},
                                                                 {"undoes", undoes},
                                                                 {"target", plan.target},
                                                                 {"request", request},
                                                                 {"plan", plan_hash(plan)},
                                                                 {"own", own_revisions(plan)},
                                                                 {"now", bson::Date{now_ms}},
                                                                 {"seed", bson::Binary{0, seed}},
                                                                 {"host", host_name()},
                                                                 {"pid", static_cast<std::int64_t>(getpid())}}});
}

void Journal::end() {
  if (!mongo_.find_one(kCollection, {})) return;
  if (mongo_.find_one(kCollection, Document{{"_id.dataset", Document{{"$exists", true}}}})) return;
  mongo_.remove_durably(kCollection, "run");
  mongo_.drop(kCollection);
}

void Journal::enter(const std::vector<Prepared*>& datasets) {
  std::vector<Document> entries;
  std::map<const Route*, std::string> revisions;  // one hash for all that go the same way
  for (const auto* dataset : datasets) {
    auto& hash = revisions[dataset->route];
    if (hash.empty()) hash = revisions_hash(*dataset->route);
    Array files;
    for (const auto& patch : dataset->context.file_patches) files.append(patch.old_id);
    entries.push_back({{"_id", entry_id(*dataset)},
                       {"name", dataset->name},
                       {"from", dataset->route->from},
                       {"to", dataset->route->to},
                       {"revisions", hash},
                       {"done", Array()},
                       {"deletes", deletes_of(*dataset)},
                       {"sums", sums_of(*dataset)},
                       {"files", std::move(files)}});
    if (const auto& naming = dataset->context.naming) {
      Document chosen{{"name", naming->name}, {"slug", naming->slug}};
      if (naming->was) chosen.append("was", *naming->was);
      entries.back().append("naming", std::move(chosen));
    }
  }
  for (const auto index : mongo_.insert(kCollection, entries)) {
    mongo_.upsert(kCollection, {Document{{"_id", entry_id(*datasets[index])}}, entries[index]});
  }
}

void Journal::renew(const std::vector<Prepared*>& datasets) {
  std::vector<Update> updates;
  for (const auto* dataset : datasets) {
    const Document deletes{{"deletes", deletes_of(*dataset)}, {"sums", sums_of(*dataset)}};
    updates.emplace_back(Document{{"_id", entry_id(*dataset)}}, Document{{"$set", deletes}});
  }
  mongo_.update(kCollection, updates);
}

void Journal::advance(const std::vector<const Prepared*>& datasets, const std::string& pass) {
  update(datasets, Document{{"$addToSet", Document{{"done", pass}}}, {"$unset", Document{{"cursor", ""}}}});
}

void Journal::advance(const std::vector<const Prepared*>& datasets, const std::string& pass, const PassCursor& cursor) {
  const Document at{{"pass", pass}, {"from", cursor.from}, {"done", cursor.done}};
  update(datasets, Document{{"$set", Document{{"cursor", at}}}});
}

void Journal::update(const std::vector<const Prepared*>& datasets, const Document& change) {
  std::vector<Update> updates;
  for (const auto* dataset : datasets) updates.emplace_back(Document{{"_id", entry_id(*dataset)}}, change);
  mongo_.update(kCollection, updates);
}

std::int64_t Journal::entries() {
  return mongo_.count(kCollection, Document{{"_id.dataset", Document{{"$exists", true}}}});
}

void Journal::leave(const Value& dataset) { mongo_.remove(kCollection, {Value(Document{{"dataset", dataset}})}); }

void Journal::leave(const std::vector<Prepared*>& datasets) {
  std::vector<Value> ids;
  for (const auto* dataset : datasets) ids.push_back(entry_id(*dataset));
  mongo_.remove(kCollection, ids);
}

Journal::Entry Journal::read_entry(const Document& stored) {
  const auto* dataset = bson::Path("_id.dataset").find(stored);
  Entry out{dataset ? *dataset : Value(),
            text_at(stored, "name"),
            text_at(stored, "from"),
            text_at(stored, "to"),
            text_at(stored, "revisions"),
            {},
            {},
            {},
            {}};
  if (const auto* done = stored.find("done"); done && done->as<Array>()) {
    for (const auto& one : *done->as<Array>()) {
      if (const auto* key = one.as<std::string>()) out.done.insert(*key);
    }
  }
  if (const auto* from = bson::Path("cursor.from").find(stored)) {
    out.done.at = text_at(stored, "cursor.pass");
    out.done.cursor = PassCursor{*from, bson::integer_at(stored, "cursor.done")};
  }
  if (const auto* deletes = stored.find("deletes"); deletes && deletes->as<Document>()) {
    out.deletes = *deletes->as<Document>();
  }
  if (const auto* sums = stored.find("sums"); sums && sums->as<Document>()) out.sums = *sums->as<Document>();
  if (const auto* files = stored.find("files"); files && files->as<Array>()) out.files = *files->as<Array>();
  if (const auto* name = bson::Path("naming.name").find(stored)) {
    out.naming = ops::Naming{*name, text_at(stored, "naming.slug"), {}};
    if (const auto* was = bson::Path("naming.was").find(stored)) out.naming->was = *was;
  }
  return out;
}

std::optional<Journal::Unfinished> Journal::read_run(const Document& stored) {
  const auto* now = stored.find("now");
  const auto* seed = stored.find("seed");
  if (!now || !now->as<bson::Date>() || !seed || !seed->as<bson::Binary>()) return std::nullopt;
  Unfinished out;
  out.run = text_at(stored, "run");
  out.undoes = text_at(stored, "undoes");
  out.target = text_at(stored, "target");
  out.request = text_at(stored, "request");
  out.own = bson::array_at(stored, "own");
  out.now_ms = now->as<bson::Date>()->ms;
  out.seed = seed->as<bson::Binary>()->data;
  out.host = text_at(stored, "host");
  out.pid = bson::integer_at(stored, "pid");
  return out;
}

std::optional<Journal::Unfinished> Journal::unfinished() {
  const auto stored = mongo_.find_one(kCollection, Document{{"_id", "run"}});
  auto out = stored ? read_run(*stored) : std::nullopt;
  if (!out) return std::nullopt;
  mongo_.find(kCollection, Document{{"_id.dataset", Document{{"$exists", true}}}}, {},
              [&](bson::View view) { out->entries.push_back(read_entry(view.decode())); });
  return out;
}

}  // namespace fm
