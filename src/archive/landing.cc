#include "archive/landing.h"

#include <unistd.h>

#include <cstring>

#include "archive/duplicate_ids.h"
#include "archive/json_writer.h"
#include "archive/tags.h"
#include "base/error.h"
#include "base/machine.h"
#include "bson/path.h"
#include "bson/read.h"
#include "exec/gridfs.h"
#include "exec/guard.h"
#include "store/end_operations.h"

namespace fm::archive {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr const char* kDatasets = "datasets";
Array ids_of(const std::vector<Document>& documents) {
  Array out;
  for (const auto& document : documents) out.append(*document.find("_id"));
  return out;
}

Array array_at(const Document& document, const char* path) {
  const auto* value = bson::Path(path).find(document);
  const auto* list = value ? value->as<Array>() : nullptr;
  return list ? *list : Array();
}

std::vector<Value> values(const Array& list) { return std::vector<Value>(list.begin(), list.end()); }

// Ids of the documents that a dataset document names, by collection.
Document references_of(const Document& dataset) {
  Document out;
  const auto add = [&](const char* collection, const Value& id) {
    if (id.as<Document>()) return;
    if (!out.has(collection)) out.append(collection, Array());
    out.find(collection)->as<Array>()->append(id);
  };
  for (const auto& kind : kListKinds) {
    for (const auto& id : array_at(dataset, kind.field)) add(kind.collection, id);
  }
  for (const auto& kind : kRunKinds) {
    const auto* value = dataset.find(kind.field);
    if (const auto* runs = value ? value->as<Document>() : nullptr) {
      for (const auto& run : *runs) add("runs", run.value);
    }
  }
  return out;
}

// Results of the runs, embedded or not.
Array files_of(Mongo& mongo, const Document& dataset) {
  Array out;
  const auto add = [&](const Document& run) {
    const auto* results = run.find("results");
    if (results && !results->is_null()) out.append(*results);
  };
  for (const auto& kind : kRunKinds) {
    const auto* value = dataset.find(kind.field);
    if (const auto* runs = value ? value->as<Document>() : nullptr) {
      for (const auto& run : *runs) {
        if (const auto* embedded = run.value.as<Document>()) add(*embedded);
      }
    }
  }
  const auto runs = array_at(references_of(dataset), "runs");
  if (!runs.empty()) {
    mongo.find("runs", Document{{"_id", Document{{"$in", runs}}}}, {}, [&](bson::View view) { add(view.decode()); });
  }
  return out;
}

void remove_documents(Mongo& mongo, const Document& by_collection) {
  for (const auto& [collection, ids] : by_collection) {
    if (const auto* list = ids.as<Array>()) mongo.remove(collection, values(*list));
  }
}

bool is_published(Mongo& mongo, const Document& entry) {
  const auto dataset = mongo.find_one(kDatasets, Document{{"_id", *entry.find("_id")}});
  return dataset && bson::text_at(*dataset, "sample_collection_name") == bson::text_at(entry, "samples");
}

// Others may share its frames.
void drop_unless_named(Mongo& mongo, const std::string& collection) {
  if (collection.empty()) return;
  const Document named{{"$or", Array{Document{{"sample_collection_name", collection}},
                                     Document{{"frame_collection_name", collection}}}}};
  if (!mongo.find_one(kDatasets, named) && mongo.collection_names().contains(collection)) mongo.drop(collection);
}

// After the dataset document is in its place.
void finish(Mongo& mongo, const Document& entry) {
  const auto* old = entry.find("replaces");
  const auto& id = *entry.find("_id");
  if (const auto* replaced = old ? old->as<Document>() : nullptr) {
    mongo.remove_where(kTags, Document{{"_dataset_id", id}});
    const auto scratch = bson::text_at(entry, "tags");
    if (scratch != kTags && !scratch.empty()) {
      mongo.aggregate_merge(scratch, Array{Document{{"$merge", Document{{"into", kTags}, {"on", "_id"}}}}});
      mongo.drop(scratch);
    }
    drop_unless_named(mongo, bson::text_at(*replaced, "samples"));
    drop_unless_named(mongo, bson::text_at(*replaced, "frames"));
    const auto* documents = replaced->find("documents");
    if (documents && documents->as<Document>()) remove_documents(mongo, *documents->as<Document>());
    delete_files(mongo, array_at(*replaced, "files"));
  }
  mongo.remove_durably(Landing::kCollection, id);
  if (mongo.estimated_count(Landing::kCollection) == 0) mongo.drop(Landing::kCollection);
}

void take_back(Mongo& mongo, const Document& entry) {
  const auto& id = *entry.find("_id");
  for (const char* key : {"samples", "frames"}) {
    const auto name = bson::text_at(entry, key);
    if (!name.empty()) mongo.drop(name);
  }
  const auto tags = bson::text_at(entry, "tags");
  if (tags == kTags) {
    mongo.remove_where(kTags, Document{{"_dataset_id", id}});
  } else if (!tags.empty()) {
    mongo.drop(tags);
  }
  const auto* documents = entry.find("documents");
  if (documents && documents->as<Document>()) remove_documents(mongo, *documents->as<Document>());
  delete_files(mongo, array_at(entry, "files"));
  mongo.remove_durably(Landing::kCollection, id);
  if (mongo.estimated_count(Landing::kCollection) == 0) mongo.drop(Landing::kCollection);
}

// `... dup key: { _id: ObjectId('6b03...') }`
std::string duplicate_key(const std::string& what) {
  const auto at = what.find("dup key: ");
  if (what.find("E11000") == std::string::npos || at == std::string::npos) return "";
  const auto end = what.find('}', at);
  return what.substr(at + 9, end == std::string::npos ? std::string::npos : end - at - 8);
}

// Only for an _id there is a choice.
[[noreturn]] void refuse_key(bool frames, const std::string& key) {
  if (key.starts_with("{ _id:")) refuse_duplicate(frames, key);
  throw Error(Exit::kMismatch,
              std::string(frames ? "Two frames" : "Two samples") + " of the archive have the same key: " + key,
              "Remove one of them from the archive.");
}

}  // namespace

std::optional<Landing::Entry> Landing::recover(Mongo& mongo, const std::string& fingerprint) {
  std::vector<Document> entries;
  mongo.find(kCollection, {}, {}, [&](bson::View view) { entries.push_back(view.decode()); });
  std::optional<Entry> out;
  for (const auto& entry : entries) {
    // A run that lost its connection gave the lease back, and may have been heard.
    end_operations_of(mongo, bson::text_at(entry, "connections"));
    if (is_published(mongo, entry)) {
      finish(mongo, entry);
      continue;
    }
    const auto* seed = entry.find("seed");
    const auto* bytes = seed ? seed->as<bson::Binary>() : nullptr;
    if (out || !bytes || fingerprint.empty() || bson::text_at(entry, "fingerprint") != fingerprint) {
      archive::take_back(mongo, entry);
      continue;
    }
    Entry found;
    found.identity.id = *entry.find("_id");
    found.identity.name = bson::text_at(entry, "name");
    found.identity.slug = bson::text_at(entry, "slug");
    found.identity.samples = bson::text_at(entry, "samples");
    found.identity.frames = bson::text_at(entry, "frames");
    found.identity.now_ms = bson::date_at(entry, "now").value_or(0);
    found.seed = bytes->data;
    found.fingerprint = fingerprint;
    out = std::move(found);
  }
  return out;
}

Landing::Landing(Mongo& mongo, Entry entry, const Contents& contents, bool has_tags, bool few)
    : mongo_(mongo), entry_(std::move(entry)) {
  const auto& identity = entry_.identity;
  if (has_tags) tags_ = entry_.replaces ? "migrator.scratch.tags." + identity.samples : kTags;
  Document documents;
  for (const auto& [collection, list] : contents.documents) documents.append(collection, ids_of(list));
  Array files;
  for (const auto& results : contents.results) files.append(results.file);
  Document document{{"_id", identity.id},
                    {"name", identity.name},
                    {"slug", identity.slug},
                    {"samples", identity.samples},
                    {"frames", identity.frames},
                    {"tags", tags_},
                    {"documents", std::move(documents)},
                    {"files", std::move(files)},
                    {"fingerprint", entry_.fingerprint},
                    {"now", bson::Date{identity.now_ms}},
                    {"seed", bson::Binary{0, entry_.seed}},
                    {"host", host_name()},
                    {"pid", static_cast<std::int64_t>(getpid())},
                    {"connections", MongoDriver::connections()}};
  if (entry_.replaces) {
    const auto& old = *entry_.replaces;
    document.append("replaces", Document{{"samples", bson::text_at(old, "sample_collection_name")},
                                         {"frames", frame_collection(old)},
                                         {"documents", references_of(old)},
                                         {"files", files_of(mongo_, old)}});
  }
  mongo_.upsert(kCollection, {Document{{"_id", identity.id}}, document});
  try {
    make_collections(contents, has_tags, few);
  } catch (const std::exception&) {
    take_back();
    throw;
  }
}

void Landing::make_collections(const Contents& contents, bool has_tags, bool few) {
  const auto there = mongo_.collection_names();
  for (const bool frames : {false, true}) {
    const auto& name = collection(frames);
    if (name.empty() || there.contains(name)) continue;
    if (few) {
      index(contents, frames);
    } else {
      mongo_.create(name, {});
    }
  }
  if (!has_tags) return;
  if (tags_ == kTags) {
    mongo_.create_indexes(kTags, tag_indexes());
    mongo_.remove_where(kTags, Document{{"_dataset_id", entry_.identity.id}});
  } else if (there.contains(tags_)) {
    mongo_.drop(tags_);
  }
}

Landing::~Landing() {
  if (open_) take_back();
}

void Landing::take_back() noexcept {
  try {
    const auto entry = mongo_.find_one(kCollection, Document{{"_id", entry_.identity.id}});
    // Where the answer to the publishing was lost, it may be in its place.
    if (!entry) return;
    if (is_published(mongo_, *entry)) return finish(mongo_, *entry);
    archive::take_back(mongo_, *entry);
  } catch (const std::exception&) {
    return;  // the next run takes it back
  }
}

std::int64_t Landing::staged(bool frames) {
  const auto& name = collection(frames);
  return name.empty() ? 0 : mongo_.count(name, {});
}

std::int64_t Landing::insert(bool frames, std::string_view batch, OnConflict on_conflict) {
  const auto& name = collection(frames);
  if (on_conflict == OnConflict::kError || on_conflict == OnConflict::kNewIds) {
    try {
      // What is staged is worth nothing before the dataset is there; the write that puts it there waits for all.
      mongo_.insert_raw(name, batch, false, Mongo::Journal::kLater);
    } catch (const Error& error) {
      const auto key = duplicate_key(error.what());
      if (key.empty()) throw;
      refuse_key(frames, key);
    }
    return 0;
  }
  std::vector<Document> documents;
  for (std::size_t at = 0; at < batch.size();) {
    std::uint32_t size = 0;
    std::memcpy(&size, batch.data() + at, sizeof size);
    documents.push_back(Document::decode(reinterpret_cast<const std::uint8_t*>(batch.data()) + at, size));
    at += size;
  }
  const auto there = mongo_.insert(name, documents);
  if (on_conflict == OnConflict::kReplace) {
    std::vector<Update> updates;
    for (const auto index : there) {
      updates.emplace_back(Document{{"_id", *documents[index].find("_id")}}, documents[index]);
    }
    mongo_.replace(name, updates);
  }
  return static_cast<std::int64_t>(there.size());
}

void Landing::insert_tags(const std::vector<Document>& tags) { mongo_.insert(tags_, tags); }

void Landing::write_results(const std::vector<RunResults>& results, const ReadResults& read,
                            const ops::IdGenerator& ids) {
  for (const auto& one : results) {
    // A run before this one may have written a part.
    delete_files(mongo_, Array{one.file});
    FileWriter writer(mongo_, entry_.identity.now_ms, ids);
    const auto* file = one.file.as<bson::Oid>();
    if (!file) throw Error(Exit::kFailed, "The results of run '" + one.key + "' have no ObjectId");
    write_patched(one, read, [&](std::string_view piece) { writer.write(*file, piece); });
    writer.close(*file);
    writer.finish();
  }
}

void Landing::index(const Contents& contents, bool frames) {
  const auto& name = collection(frames);
  if (name.empty()) return;
  auto indexes = default_indexes(contents.dataset, frames);
  const auto& custom = frames ? contents.frame_indexes : contents.sample_indexes;
  indexes.insert(indexes.end(), custom.begin(), custom.end());
  try {
    mongo_.create_indexes(name, indexes);
  } catch (const Error& error) {
    const auto key = duplicate_key(error.what());
    if (key.empty()) throw;
    refuse_key(frames, key);
  }
}

void Landing::publish(const Contents& contents) {
  for (const auto& [collection, documents] : contents.documents) {
    for (const auto index : mongo_.insert(collection, documents)) {
      mongo_.replace(collection, {{Document{{"_id", *documents[index].find("_id")}}, documents[index]}});
    }
  }
  if (entry_.replaces) {
    const auto filter = guard(entry_.identity.id, bson::encode(*entry_.replaces), contents.dataset);
    if (mongo_.replace(kDatasets, {{filter, bson::encode(contents.dataset)}}) == 0) {
      throw Error(Exit::kFailed, "Dataset '" + entry_.identity.name + "' was changed by another client meanwhile",
                  "It is as that client left it. Stop the clients that use it and run the same command again.");
    }
  } else if (!mongo_.insert(kDatasets, {contents.dataset}).empty()) {
    throw Error(Exit::kPrecondition, "Dataset name '" + entry_.identity.name + "' is not available",
                "Another client took it meanwhile: choose another with --name.", "ValueError");
  }
  open_ = false;
  const auto entry = mongo_.find_one(kCollection, Document{{"_id", entry_.identity.id}});
  if (entry) finish(mongo_, *entry);
}

}  // namespace fm::archive
