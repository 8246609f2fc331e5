#include "exec/document_edits.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/hash.h"
#include "bson/read.h"
#include "exec/gridfs.h"
#include "exec/guard.h"
#include "exec/residue.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

Document edit_id(const std::string& run, const DocumentEdit& edit) {
  return {{"run", run}, {"collection", edit.collection}, {"document", edit.id}};
}

Document with_changes(Document before, const Document& set, const Array& unset) {
  for (const auto& key : unset) {
    if (const auto* text = key.as<std::string>()) before.take(*text);
  }
  for (const auto& [key, value] : set) before.set(key, value);
  return before;
}

void append_after(Document& record, const DocumentEdit& edit) {
  Document set;
  Array unset;
  for (const auto& [key, value] : *edit.after) {
    const auto* old = edit.before->find(key);
    if (!old || !(*old == value)) set.append(key, value);
  }
  for (const auto& [key, value] : *edit.before) {
    if (!edit.after->has(key)) unset.append(key);
  }
  if (!(with_changes(*edit.before, set, unset) == *edit.after)) {
    record.append("after", *edit.after);
    return;
  }
  record.append("set", std::move(set));
  if (!unset.empty()) record.append("unset", std::move(unset));
}

std::string digest_of(const std::optional<Document>& document) {
  if (!document) return "";
  const auto bytes = bson::encode(*document);
  return sha256_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

bool same(const std::optional<Document>& a, const std::optional<Document>& b) { return a == b; }

}  // namespace

DocumentEdit DocumentEdit::reversed() const {
  auto out = *this;
  std::swap(out.before, out.after);
  out.discards = !discards;
  return out;
}

Document stored_edit(const std::string& run, const DocumentEdit& edit) {
  Document out{{"_id", edit_id(run, edit)}};
  if (edit.index) out.append("index", true);
  if (edit.before) {
    out.append("before", *edit.before);
  } else {
    out.append("made", true);
  }
  if (!edit.after) {
    out.append("gone", true);
  } else if (edit.before) {
    append_after(out, edit);
  } else {
    out.append("after", *edit.after);
  }
  Array files;
  for (const auto& file : edit.files) {
    files.append(Document{{"old", file.old_id}, {"new", file.new_id}, {"key", file.key}, {"value", file.value}});
  }
  if (!files.empty()) {
    out.append("files", std::move(files));
    if (edit.discards) out.append("discards", true);
  }
  return out;
}

std::optional<DocumentEdit> read_edit(const Document& stored) {
  const auto document_at = [&](const char* key) {
    const auto* value = stored.find(key);
    const auto* found = value ? value->as<Document>() : nullptr;
    return found ? std::optional<Document>(*found) : std::nullopt;
  };
  const auto* id = bson::Path("_id.document").find(stored);
  DocumentEdit out;
  out.collection = bson::text_at(stored, "_id.collection");
  if (!id || out.collection.empty()) return std::nullopt;
  out.id = *id;
  out.index = stored.has("index");
  out.discards = stored.has("discards");
  out.before = document_at("before");
  out.after = document_at("after");
  if (const auto set = document_at("set"); set && out.before) {
    const auto* unset = stored.find("unset");
    out.after = with_changes(*out.before, *set, unset && unset->as<Array>() ? *unset->as<Array>() : Array());
  }
  if (out.before.has_value() == stored.has("made") || out.after.has_value() == stored.has("gone")) return std::nullopt;
  const auto* files = stored.find("files");
  const auto* list = files ? files->as<Array>() : nullptr;
  for (std::size_t i = 0; list && i < list->size(); ++i) {
    const auto* file = (*list)[i].as<Document>();
    const auto* old_id = file ? file->find("old") : nullptr;
    const auto* new_id = file ? file->find("new") : nullptr;
    if (!old_id || !new_id || !new_id->as<bson::Oid>()) continue;
    out.files.push_back(
        {*old_id, *new_id->as<bson::Oid>(), bson::text_at(*file, "key"), bson::text_at(*file, "value")});
  }
  return out;
}

std::optional<Document> DocumentEdits::current(Mongo& mongo, const DocumentEdit& edit) {
  if (!edit.index) return mongo.find_one(edit.collection, Document{{"_id", edit.id}});
  const auto& index = edit.before ? *edit.before : *edit.after;
  const auto names = mongo.index_names(edit.collection);
  return names.contains(bson::text_at(index, "name")) ? std::optional(index) : std::nullopt;
}

void DocumentEdits::of_run(Mongo& mongo, const std::string& run, const Document& filter,
                           const std::function<void(DocumentEdit)>& visit) {
  auto query = members_kept_by(run);
  for (const auto& [key, value] : filter) query.append(key, value);
  mongo.find(kResidueMembers, query, {}, [&](bson::View view) {
    if (auto edit = read_edit(view.decode())) visit(std::move(*edit));
  });
}

void DocumentEdits::keep(const std::vector<DocumentEdit>& edits) {
  std::vector<Document> records;
  for (const auto& edit : edits) {
    records.push_back(stored_edit(facts_.run, edit));
    if (bson::encoded_size(records.back()) > Residue::kLargest) {
      throw Error(Exit::kPrecondition,
                  "A document of '" + edit.collection + "' is too large to be kept for undo beside what it becomes",
                  "Make it smaller first.");
    }
  }
  if (records.empty()) return;
  std::vector<Update> updates;
  for (const auto index : mongo_.insert(kResidueMembers, records)) {
    const Document id{{"_id", *records[index].find("_id")}};
    const auto stored = mongo_.find_one(kResidueMembers, id);
    const auto earlier = stored ? read_edit(*stored) : std::nullopt;
    auto edit = edits[index];
    // Written by this run before, or about to be when it was cut off: what it
    // was at first counts.
    const auto from = digest_of(edit.before);
    const bool again = earlier && (same(earlier->after, edit.before) || bson::text_at(*stored, "from") == from);
    if (again) {
      edit.before = earlier->before;
      for (const auto& file : earlier->files) {
        const auto known = [&](const ops::FilePatch& one) { return one.new_id == file.new_id; };
        if (std::none_of(edit.files.begin(), edit.files.end(), known)) edit.files.push_back(file);
      }
    }
    auto record = stored_edit(facts_.run, edit);
    if (again) record.append("from", from);
    updates.emplace_back(id, record);
  }
  if (!updates.empty()) mongo_.replace(kResidueMembers, updates);
}

void DocumentEdits::write_index(const DocumentEdit& edit) {
  if (edit.after) {
    mongo_.create_indexes(edit.collection, {*edit.after});
  } else {
    mongo_.drop_index(edit.collection, bson::text_at(*edit.before, "name"));
  }
}

void DocumentEdits::discard(const std::vector<DocumentEdit>& edits) {
  Array files;
  for (const auto& edit : edits) {
    if (!edit.discards) continue;
    for (const auto& file : edit.files) files.append(file.new_id);
  }
  delete_files(mongo_, files);
}

bool DocumentEdits::remove(const DocumentEdit& edit) {
  const auto filter = guard(edit.id, bson::encode(*edit.before), Document()).decode();
  return mongo_.remove_where(edit.collection, filter) > 0 || !current(mongo_, edit);
}

std::vector<std::size_t> DocumentEdits::write(const std::vector<DocumentEdit>& edits) {
  keep(edits);
  std::vector<std::size_t> changed;
  std::map<std::string, std::vector<std::size_t>> inserts;
  std::map<std::string, std::vector<std::size_t>> replaces;
  std::vector<std::size_t> others;
  std::vector<ops::FilePatch> copies;
  for (std::size_t i = 0; i < edits.size(); ++i) {
    const auto& edit = edits[i];
    if (edit.index || !edit.after) {
      others.push_back(i);
    } else {
      (edit.before ? replaces : inserts)[edit.collection].push_back(i);
      if (!edit.discards) copies.insert(copies.end(), edit.files.begin(), edit.files.end());
    }
  }
  // Chunks get ids of the file's own, so that a copy made again is the same.
  for (const auto& copy : copies) {
    const auto now_ms = std::int64_t{copy.new_id.time()} * 1000;
    copy_patched(mongo_, {copy}, now_ms, ops::IdGenerator(now_ms, copy.new_id.hex()));
  }
  for (const auto& [collection, places] : inserts) {
    std::vector<Document> documents;
    for (const auto i : places) documents.push_back(*edits[i].after);
    for (const auto index : mongo_.insert_or_clash(collection, documents)) {
      if (!same(current(mongo_, edits[places[index]]), edits[places[index]].after)) changed.push_back(places[index]);
    }
  }
  const auto replace = [&](const std::string& collection, const std::vector<std::size_t>& places) {
    std::vector<Update> updates;
    for (const auto i : places) {
      updates.emplace_back(guard(edits[i].id, bson::encode(*edits[i].before), *edits[i].after),
                           bson::encode(*edits[i].after));
    }
    if (mongo_.replace(collection, updates) == static_cast<std::int64_t>(places.size())) return;
    for (const auto i : places) {
      if (!same(current(mongo_, edits[i]), edits[i].after)) changed.push_back(i);
    }
  };
  for (const auto& [collection, places] : replaces) {
    if (collection != "datasets") replace(collection, places);
  }
  // A dataset names others: it comes once they are there.
  if (const auto datasets = replaces.find("datasets"); datasets != replaces.end() && changed.empty()) {
    replace(datasets->first, datasets->second);
  } else if (datasets != replaces.end()) {
    changed.insert(changed.end(), datasets->second.begin(), datasets->second.end());
  }
  for (const auto i : others) {
    if (edits[i].index) {
      write_index(edits[i]);
    } else if (!remove(edits[i])) {
      changed.push_back(i);
    }
  }
  std::vector<DocumentEdit> written;
  for (std::size_t i = 0; i < edits.size(); ++i) {
    const bool was = std::find(changed.begin(), changed.end(), i) == changed.end();
    if (was && !edits[i].files.empty()) written.push_back(edits[i]);
  }
  discard(written);
  return changed;
}

}  // namespace fm
