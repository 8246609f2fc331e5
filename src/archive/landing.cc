#include "archive/landing.h"

#include <unistd.h>

#include <cstring>

#include "archive/belongings.h"
#include "archive/duplicate_ids.h"
#include "archive/swapped_tags.h"
#include "archive/tags.h"
#include "base/error.h"
#include "base/machine.h"
#include "bson/read.h"
#include "exec/control.h"
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

bool is_published(Mongo& mongo, const Document& entry) {
  const auto dataset = mongo.find_one(kDatasets, Document{{"_id", *entry.find("_id")}});
  return dataset && bson::text_at(*dataset, "sample_collection_name") == bson::text_at(entry, "samples");
}

// Whether the datasets are those that the entry was made for: nothing has its
// _id or its name, or just the one that it replaces.
bool still_fits(Mongo& mongo, const Document& entry) {
  const auto& id = *entry.find("_id");
  const auto name = bson::text_at(entry, "name");
  const Document like_it{{"$or", Array{Document{{"_id", id}}, Document{{"name", name}},
                                       Document{{"slug", bson::text_at(entry, "slug")}}}}};
  std::vector<Document> there;
  FindOptions options;
  options.projection = Document{{"name", 1}};
  mongo.find(kDatasets, like_it, options, [&](bson::View view) { there.push_back(view.decode()); });
  if (!entry.has("replaces")) return there.empty();
  return there.size() == 1 && *there.front().find("_id") == id && bson::text_at(there.front(), "name") == name;
}

// Its _id may be that of a dataset before it, whose tags are changed then.
void put_tags(Mongo& mongo, const Document& entry) {
  if (entry.has("replaces")) swap_tags(mongo, bson::text_at(entry, "tags"));
}

void remove_entry(Mongo& mongo, const Document& entry) {
  mongo.remove_durably(Landing::kCollection, *entry.find("_id"));
  if (mongo.estimated_count(Landing::kCollection) == 0) mongo.drop(Landing::kCollection);
}

// After the dataset is in its place, and its tags are.
void clear_up(Mongo& mongo, const Document& entry) {
  const auto* old = entry.find("replaces");
  if (const auto* replaced = old ? old->as<Document>() : nullptr) remove_belongings(mongo, *replaced);
  remove_entry(mongo, entry);
}

void take_back(Mongo& mongo, const Document& entry) {
  const auto& id = *entry.find("_id");
  for (const char* key : {"samples", "frames"}) drop_unless_named(mongo, bson::text_at(entry, key));
  const auto tags = bson::text_at(entry, "tags");
  if (tags == kTags) {
    mongo.remove_where(kTags, Document{{"_dataset_id", id}});
  } else if (!tags.empty()) {
    mongo.drop(tags);
  }
  const auto* documents = entry.find("documents");
  if (documents && documents->as<Document>()) remove_documents(mongo, *documents->as<Document>());
  delete_files(mongo, array_at(entry, "files"));
  remove_entry(mongo, entry);
}

// `... dup key: { _id: ObjectId('6b03...') }`
std::string duplicate_key(const std::string& what) {
  const auto at = what.find("dup key: ");
  if (what.find("E11000") == std::string::npos || at == std::string::npos) return "";
  const auto end = what.find('}', at);
  return what.substr(at + 9, end == std::string::npos ? std::string::npos : end - at - 8);
}

// Loading a dataset notes the time, and is no edit.
bool only_loaded(Document before, Document now) {
  for (auto* one : {&before, &now}) one->take("last_loaded_at");
  return before == now;
}

// Only for an _id there is a choice.
[[noreturn]] void refuse_key(bool frames, const std::string& key) {
  if (key.starts_with("{ _id:")) refuse_duplicate(frames, key);
  throw Error(Exit::kMismatch,
              std::string(frames ? "Two frames" : "Two samples") + " of the archive have the same key: " + key,
              "Remove one of them from the archive.");
}

}  // namespace

std::optional<Landing::Entry> Landing::recover(Mongo& mongo, const std::string& fingerprint, bool can_go_on) {
  std::vector<Document> entries;
  mongo.find(kCollection, {}, {}, [&](bson::View view) { entries.push_back(view.decode()); });
  std::optional<Entry> out;
  for (const auto& entry : entries) {
    // A run that lost its connection gave the lease back, and may have been heard.
    end_operations_of(mongo, bson::text_at(entry, "connections"));
    const auto* seed = entry.find("seed");
    const auto* bytes = seed ? seed->as<bson::Binary>() : nullptr;
    const bool own = !out && bytes && !fingerprint.empty() && bson::text_at(entry, "fingerprint") == fingerprint;
    const bool published = is_published(mongo, entry);
    if (published) {
      put_tags(mongo, entry);
      clear_up(mongo, entry);
      // One that should give way may have been edited since: it is brought in again.
      if (!own || entry.has("replaces")) continue;
    } else if (!own || !can_go_on || !still_fits(mongo, entry)) {
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
    found.published = published;
    out = std::move(found);
  }
  return out;
}

Landing::Landing(Mongo& mongo, Entry entry, const Contents& contents, bool has_tags, bool few)
    : mongo_(mongo), entry_(std::move(entry)) {
  const auto& identity = entry_.identity;
  if (entry_.replaces) {
    tags_ = tags_to_swap(identity.samples);
  } else if (has_tags) {
    tags_ = kTags;
  }
  Document documents;
  for (const auto& [collection, list] : contents.documents) documents.append(collection, ids_of(list));
  Array files;
  for (const auto& results : contents.results) files.append(results.file);
  record_ = Document{{"_id", identity.id},
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
  if (entry_.replaces) record_.append("replaces", belongings_of(mongo_, *entry_.replaces));
  mongo_.upsert(kCollection, {Document{{"_id", identity.id}}, record_});
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
  if (has_tags) mongo_.create_indexes(kTags, tag_indexes());
  if (entry_.replaces) {
    if (there.contains(tags_)) mongo_.drop(tags_);
  } else if (has_tags) {
    mongo_.remove_where(kTags, Document{{"_dataset_id", entry_.identity.id}});
  }
}

bool Landing::take_back() noexcept {
  if (!open_) return false;
  open_ = false;
  try {
    // Where the answer to the publishing was lost, it may be in its place.
    if (is_published(mongo_, record_)) {
      put_tags(mongo_, record_);
      clear_up(mongo_, record_);
      return false;
    }
    archive::take_back(mongo_, record_);
    return true;
  } catch (const std::exception&) {
    return false;  // the next run takes it back
  }
}

std::int64_t Landing::staged(bool frames) {
  const auto& name = collection(frames);
  return name.empty() ? 0 : mongo_.count(name, {});
}

void Landing::insert(bool frames, std::string_view batch, OnConflict on_conflict) {
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
    return;
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
}

void Landing::insert_tags(const std::vector<Document>& tags) { mongo_.insert_or_clash(tags_, tags); }

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
    replace_old(contents.dataset);
  } else if (!mongo_.insert_or_clash(kDatasets, {contents.dataset}).empty()) {
    throw Error(Exit::kPrecondition, "Dataset name '" + entry_.identity.name + "' is not available",
                "Another client took it meanwhile: choose another with --name.", "ValueError");
  }
  open_ = false;
}

void Landing::replace_old(const Document& dataset) {
  constexpr int kTries = 3;
  const auto& id = entry_.identity.id;
  auto old = entry_.replaces;
  for (int i = 0; i < kTries && old && only_loaded(*entry_.replaces, *old); ++i) {
    // Each time: clients may have written some.
    note_old_tags(mongo_, tags_, id);
    if (mongo_.replace(kDatasets, {{guard(id, bson::encode(*old), dataset), bson::encode(dataset)}}) > 0) return;
    old = mongo_.find_one(kDatasets, Document{{"_id", id}});
  }
  throw Error(Exit::kFailed, "Dataset '" + entry_.identity.name + "' was changed by another client meanwhile",
              "It is as that client left it. Stop the clients that use it and run the same command again.");
}

std::string Landing::finish() {
  const auto but = [&](const std::string& what, const Error& error) {
    return "Dataset '" + entry_.identity.name + "' is in its place, but " + what + ": " + error.what();
  };
  try {
    put_tags(mongo_, record_);
  } catch (const Error& error) {
    throw Error(error.code(), but("its temporal tags are not", error),
                "The next import or copy into this database puts them there.");
  }
  try {
    clear_up(mongo_, record_);
    return "";
  } catch (const Error& error) {
    const auto text = but("not everything that has to go is gone", error);
    const std::string remedy = "The next import or copy into this database removes it.";
    // Nobody knows whether the server still has what it took last.
    if (is_lost(error)) throw Error(error.code(), text, remedy);
    return text + ". " + remedy;
  }
}

}  // namespace fm::archive
