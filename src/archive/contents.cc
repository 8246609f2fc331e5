#include "archive/contents.h"

#include <algorithm>
#include <set>

#include "archive/json_reader.h"
#include "base/error.h"
#include "base/version.h"
#include "bson/read.h"
#include "exec/gridfs.h"
#include "ops/operation.h"

namespace fm::archive {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr const char* kRuns = "runs";
const char* const kRunsOut = "0.19.0";  // from here on runs are documents of their own

Document* mapping(Document& dataset, const char* field) {
  auto* value = dataset.find(field);
  return value ? value->as<Document>() : nullptr;
}

Array* list(Document& dataset, const char* field) {
  auto* value = dataset.find(field);
  return value ? value->as<Array>() : nullptr;
}

void set_created_at(Document& dataset, const char* key, bson::Date now) {
  auto* fields = list(dataset, key);
  if (!fields) return;
  for (auto& item : *fields) {
    auto* field = item.as<Document>();
    if (!field) continue;
    field->set("created_at", now);
    set_created_at(*field, "fields", now);
  }
}

void put_id_first(Document& document, const Value& id) {
  document.take("_id");
  document.insert(0, "_id", id);
}

void set_owner(Document& document, const Value& dataset) {
  if (auto* owner = document.find("_dataset_id")) {
    *owner = dataset;
  } else {
    document.insert(1, "_dataset_id", dataset);
  }
}

}  // namespace

std::string Contents::name() const { return bson::text_at(dataset, "name"); }

std::string Contents::version() const {
  const auto version = bson::text_at(dataset, "version");
  return version.empty() ? "0.0" : version;
}

bool Contents::has_video() const {
  if (bson::text_at(dataset, "media_type") == "video") return true;
  const auto* slices = dataset.find("group_media_types");
  const auto* types = slices ? slices->as<Document>() : nullptr;
  if (!types) return false;
  return std::any_of(types->begin(), types->end(), [](const auto& slice) { return slice.value == Value("video"); });
}

const Document* Contents::find(const std::string& collection, const Value& id) const {
  const auto found = documents.find(collection);
  if (found == documents.end()) return nullptr;
  for (const auto& document : found->second) {
    const auto* own = document.find("_id");
    if (own && *own == id) return &document;
  }
  return nullptr;
}

std::string frame_collection(const Document& dataset) {
  const auto samples = bson::text_at(dataset, "sample_collection_name");
  const auto frames = bson::text_at(dataset, "frame_collection_name");
  return frames.empty() && !samples.empty() ? "frames." + samples : frames;
}

void write_patched(const RunResults& results, const ReadResults& read,
                   const std::function<void(std::string_view)>& write) {
  if (!results.patch) return read(results, write);
  const auto& [key, value] = *results.patch;
  JsonKeyFinder finder(key);
  std::string held;  // until the key is found: it stands at the beginning
  bool patched = false;
  read(results, [&, &value = value](std::string_view piece) {
    if (patched) return write(piece);
    held += piece;
    if (!finder.feed(piece) || !finder.found()) return;
    const auto range = *finder.found();
    write(std::string_view(held).substr(0, range.begin));
    write(value);
    write(std::string_view(held).substr(range.end));
    held.clear();
    patched = true;
  });
  if (!patched) throw Error(Exit::kFailed, "The results of run '" + results.key + "' have changed meanwhile");
}

void adopt(Contents& contents, const Identity& identity, const ops::IdGenerator& ids) {
  auto& dataset = contents.dataset;
  const auto make = [&](const std::string& path) { return ids.make("archive", identity.id, "import", path, 0); };
  // Set aside, and put back at the end.
  std::vector<std::pair<std::string, Value>> aside;
  for (const auto& kind : kListKinds) {
    auto value = dataset.take(kind.field);
    auto* names = value ? value->as<Array>() : nullptr;
    if (!names || names->empty()) continue;
    for (std::size_t i = 0; i < names->size(); ++i) {
      const auto id = make(std::string(kind.field) + "." + std::to_string(i));
      for (auto& document : contents.documents[kind.collection]) {
        if (!(*document.find("_id") == (*names)[i])) continue;
        put_id_first(document, id);
        set_owner(document, identity.id);
        break;
      }
      (*names)[i] = id;
    }
    aside.emplace_back(kind.field, std::move(*value));
  }
  for (const auto& kind : kRunKinds) {
    auto value = dataset.take(kind.field);
    auto* runs = value ? value->as<Document>() : nullptr;
    if (!runs || runs->empty()) continue;
    for (auto& [key, run] : *runs) {
      const auto path = std::string(kind.field) + "." + key;
      const Value file = make(path + ".results");
      bool has_results = false;
      for (auto& results : contents.results) {
        if (results.field != kind.field || results.key != key) continue;
        results.file = file;
        has_results = true;
      }
      const auto renew = [&](Document& document) {
        document.take("results");
        if (has_results) document.append("results", file);
      };
      if (auto* embedded = run.as<Document>()) {
        embedded->take("_id");
        embedded->take("_dataset_id");
        renew(*embedded);
        continue;
      }
      const Value id = make(path);
      for (auto& document : contents.documents[kRuns]) {
        if (!(*document.find("_id") == run)) continue;
        put_id_first(document, id);
        set_owner(document, identity.id);
        renew(document);
        break;
      }
      run = id;
    }
    aside.emplace_back(kind.field, std::move(*value));
  }
  const bson::Date now{identity.now_ms};
  if (!identity.keep_times) {
    set_created_at(dataset, "sample_fields", now);
    set_created_at(dataset, "frame_fields", now);
  }
  put_id_first(dataset, identity.id);
  dataset.set("name", identity.name);
  dataset.set("slug", identity.slug);
  dataset.set("persistent", identity.persistent);
  if (!identity.keep_times) {
    dataset.set("created_at", now);
    dataset.set("last_modified_at", now);
  }
  dataset.set("last_loaded_at", now);
  dataset.set("sample_collection_name", identity.samples);
  dataset.set("frame_collection_name", identity.frames.empty() ? Value() : Value(identity.frames));
  for (auto& [field, value] : aside) dataset.append(field, std::move(value));
}

Migrated migrate(Contents contents, const Route& route, std::int64_t now_ms, const ops::IdGenerator& ids,
                 const ReadResults& read) {
  Migrated out;
  if (route.revisions.empty()) {
    if (route.dataset_keeps_version && contents.version() != route.to) contents.dataset.set("version", route.to);
    out.contents = std::move(contents);
    return out;
  }
  const RunFacts facts{now_ms, ids, {}, "", 0};
  PrepareSources sources;
  sources.record_displaced = route.direction == Direction::kDown;
  sources.fetch = [&](const std::string& collection, const Value& id) -> std::optional<Document> {
    const auto* found = contents.find(collection, id);
    return found ? std::optional<Document>(*found) : std::nullopt;
  };
  sources.file_has_key = [&](const Value& file, const std::string& key) {
    for (const auto& results : contents.results) {
      if (!(results.file == file)) continue;
      JsonKeyFinder finder(key);
      read(results, [&](std::string_view piece) { finder.feed(piece); });
      return finder.found().has_value();
    }
    return false;
  };
  auto prepared = prepare(bson::encode(contents.dataset), contents.dataset, route, facts, sources);
  auto& context = prepared.context;
  for (const auto& entry : context.references.entries()) {
    auto& documents = contents.documents[entry.collection];
    const auto at = std::find_if(documents.begin(), documents.end(), [&](const Document& document) {
      const auto* id = document.find("_id");
      return id && *id == entry.id;
    });
    if (at == documents.end()) {
      if (entry.after) documents.push_back(*entry.after);
    } else if (entry.after) {
      *at = *entry.after;
    } else {
      documents.erase(at);
    }
  }
  for (const auto& patch : context.file_patches) {
    for (auto& results : contents.results) {
      if (!(results.file == patch.old_id)) continue;
      results.file = patch.new_id;
      results.patch = std::pair(patch.key, patch.value);
    }
  }
  // A run that is gone takes its results along.
  std::erase_if(contents.results, [&](const RunResults& results) {
    const auto* runs = mapping(prepared.after, results.field.c_str());
    return !runs || !runs->has(results.key);
  });

  for (auto& work : context.work) {
    switch (work.step->target.kind) {
      case ops::Target::Kind::kSamples:
        out.sample_work.push_back(work);
        break;
      case ops::Target::Kind::kFrames:
      case ops::Target::Kind::kSampleFrames:
        out.frame_work.push_back(work);
        break;
      default:
        break;  // delegated operations and the like are in no archive
    }
    const auto* custom = std::get_if<ops::Custom>(&work.step->operation);
    if (custom && custom->function->join) {
      throw Error(Exit::kIncompatible,
                  "Samples and frames cannot be joined while they stream, as v" + work.revision + " asks for",
                  "Datasets below 0.8.0 go by migrate, in a database.");
    }
  }
  std::map<std::pair<std::string, std::string>, Tally> losses;
  for (const auto& displaced : context.displaced) {
    if (!displaced.lost) continue;
    auto& loss = losses[{displaced.revision, displaced.path}];
    loss.revision = displaced.revision;
    loss.field = displaced.path;
    loss.what = displaced.path;
    loss.datasets = 1;
    ++loss.values;
  }
  for (auto& [key, loss] : losses) out.losses.push_back(std::move(loss));
  out.messages = std::move(context.messages);
  contents.dataset = std::move(prepared.after);
  out.contents = std::move(contents);
  return out;
}

Document inlined(const Contents& contents, const std::function<void(const std::string&)>& warn) {
  auto dataset = contents.dataset;
  const auto missing = [&](const std::string& what) { warn(what + " has no document in the database; left out"); };
  for (const auto& kind : kListKinds) {
    auto* names = list(dataset, kind.field);
    if (!names) continue;
    Array documents;
    for (const auto& id : *names) {
      const auto* document = contents.find(kind.collection, id);
      if (document) {
        documents.append(*document);
      } else if (id.as<Document>()) {
        documents.append(id);
      } else {
        missing(std::string("An entry of ") + kind.field);
      }
    }
    *names = std::move(documents);
  }
  for (const auto& kind : kRunKinds) {
    auto* runs = mapping(dataset, kind.field);
    if (!runs) continue;
    for (std::size_t i = 0; i < runs->size();) {
      auto& [key, run] = (*runs)[i];
      if (const auto* document = contents.find(kRuns, run)) {
        run = *document;
      } else if (!run.as<Document>()) {
        missing(std::string(kind.field) + "." + key);
        runs->erase(i);
        continue;
      }
      ++i;
    }
  }
  return dataset;
}

Contents outlined(Document metadata, const std::string& version, const ops::IdGenerator& ids, const std::string& file) {
  Contents out;
  out.dataset = std::move(metadata);
  const auto parsed = Version::try_parse(version);
  const bool documents_apart = parsed && !(parsed->base() < Version::parse(kRunsOut));
  const auto id_of = [&](const Document& document, const std::string& path) -> Value {
    const auto* own = document.find("_id");
    if (own && own->as<bson::Oid>()) return *own;
    return ids.make("archive", Value(), "read", path, 0);
  };
  const auto bad = [&](const std::string& path) {
    return Error(Exit::kMismatch, file + ": " + path + " is no document", "The archive is damaged: export it again.");
  };
  // Old archives hold documents as text.
  const auto document_of = [&](Value& value, const std::string& path) {
    if (const auto* text = value.as<std::string>()) value = parse_document(*text, file + ": " + path);
    auto* document = value.as<Document>();
    if (!document) throw bad(path);
  };
  for (const auto& kind : kListKinds) {
    auto* value = out.dataset.find(kind.field);
    if (!value || value->is_null()) continue;
    auto* names = value->as<Array>();
    if (!names) throw bad(kind.field);
    for (std::size_t i = 0; i < names->size(); ++i) {
      const auto path = std::string(kind.field) + "." + std::to_string(i);
      document_of((*names)[i], path);
      auto document = *(*names)[i].as<Document>();
      const auto id = id_of(document, path);
      put_id_first(document, id);
      out.documents[kind.collection].push_back(std::move(document));
      (*names)[i] = id;
    }
  }
  for (const auto& kind : kRunKinds) {
    auto* value = out.dataset.find(kind.field);
    if (!value || value->is_null()) continue;
    auto* runs = value->as<Document>();
    if (!runs) throw bad(kind.field);
    for (auto& [key, run] : *runs) {
      const auto path = std::string(kind.field) + "." + key;
      document_of(run, path);
      if (!documents_apart) continue;
      auto document = *run.as<Document>();
      const auto id = id_of(document, path);
      put_id_first(document, id);
      out.documents[kRuns].push_back(std::move(document));
      run = id;
    }
  }
  return out;
}

namespace {

Document index_on(const Document& key, bool unique) {
  std::string name;
  for (const auto& element : key) name += (name.empty() ? "" : "_") + element.key + "_1";
  Document out{{"key", key}, {"name", name}};
  if (unique) out.append("unique", true);
  return out;
}

}  // namespace

std::vector<Document> default_indexes(const Document& dataset, bool frames) {
  std::vector<Document> out;
  const auto add = [&](const Document& key, bool unique = false) { out.push_back(index_on(key, unique)); };
  if (frames) {
    add({{"_sample_id", 1}, {"frame_number", 1}}, true);
  } else {
    add({{"filepath", 1}});
  }
  add({{"created_at", 1}});
  add({{"last_modified_at", 1}});
  const auto group = bson::text_at(dataset, "group_field");
  if (!frames && !group.empty()) {
    add({{group + "._id", 1}});
    add({{group + ".name", 1}});
  }
  return out;
}

std::vector<Document> custom_indexes(const std::vector<Document>& indexes, const Document& dataset, bool frames) {
  std::set<std::string> defaults{"_id_"};
  for (const auto& index : default_indexes(dataset, frames)) defaults.insert(bson::text_at(index, "name"));
  std::vector<Document> out;
  for (const auto& index : indexes) {
    if (!defaults.contains(bson::text_at(index, "name"))) out.push_back(index);
  }
  return out;
}

}  // namespace fm::archive
