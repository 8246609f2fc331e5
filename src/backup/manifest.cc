#include "backup/manifest.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <sstream>

#include "base/error.h"
#include "base/hash.h"
#include "bson/json.h"

namespace fm::dump {

using bson::Document;
using bson::Value;

namespace {

constexpr std::int32_t kFormat = 1;

Document to_document(const CollectionEntry& entry) {
  Document out{{"name", entry.name}, {"type", entry.view ? "view" : "collection"}};
  if (!entry.view) {
    out.append("documents", entry.documents);
    out.append("bytes", entry.bytes);
    out.append("sha256", entry.sha256);
    out.append("file", entry.file);
  }
  out.append("metadata", entry.metadata);
  out.append("metadata_sha256", entry.metadata_sha256);
  if (!entry.in_snapshot) out.append("in_snapshot", false);
  if (entry.definition) {
    const auto bytes = bson::encode(*entry.definition);
    out.append("definition", bson::Binary{0, std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size())});
  }
  return out;
}

Value to_value(const std::optional<Covered>& plan) {
  if (!plan) return Value();
  return Document{{"target", plan->target}, {"datasets", bson::Array::of(plan->datasets)}};
}

Document header(const Manifest& manifest) {
  Value snapshot;
  if (manifest.snapshot) {
    snapshot = Document{{"seconds", static_cast<std::int64_t>(manifest.snapshot->seconds)},
                        {"increment", static_cast<std::int64_t>(manifest.snapshot->increment)}};
  } else {
    snapshot = "none: " + manifest.no_snapshot;
  }
  return {{"format", kFormat},
          {"tool", manifest.tool},
          {"database", manifest.database},
          {"server_version", manifest.server_version},
          {"scope", manifest.scope},
          {"plan", to_value(manifest.plan)},
          {"started", bson::Date{manifest.started_ms}},
          {"finished", bson::Date{manifest.finished_ms}},
          {"snapshot", snapshot},
          {"compression", manifest.zstd ? "zstd" : "none"},
          {"documents", manifest.documents()},
          {"bytes", manifest.bytes()}};
}

// Reads the keys of one manifest; what is missing or of another type is damage.
class Fields {
 public:
  Fields(const Document& document, const std::string& path) : document_(document), path_(path) {}

  template <class T>
  const T& get(const char* key) const {
    const auto* value = document_.find(key);
    const T* typed = value ? value->as<T>() : nullptr;
    if (!typed) damaged(std::string("'") + key + "' is missing or of a wrong type");
    return *typed;
  }
  std::int64_t integer(const char* key) const {
    const auto* value = document_.find(key);
    const auto number = value ? value->integer() : std::nullopt;
    if (!number || *number < 0) damaged(std::string("'") + key + "' is missing or no count");
    return *number;
  }
  // A file of the backup.
  std::string file(const char* key) const {
    const auto& name = get<std::string>(key);
    const std::filesystem::path relative(name);
    const bool leaves = std::find(relative.begin(), relative.end(), "..") != relative.end();
    if (name.empty() || relative.is_absolute() || leaves) damaged("'" + name + "' is no file of the backup");
    return name;
  }
  [[noreturn]] void damaged(const std::string& why) const {
    throw Error(Exit::kMismatch, "The manifest " + path_ + " is damaged: " + why, "Use another backup.");
  }

 private:
  const Document& document_;
  const std::string& path_;
};

CollectionEntry parse_entry(const Document& document, const std::string& path) {
  const Fields fields(document, path);
  CollectionEntry out;
  out.name = fields.get<std::string>("name");
  out.view = fields.get<std::string>("type") == "view";
  if (!out.view) {
    out.documents = fields.integer("documents");
    out.bytes = fields.integer("bytes");
    out.sha256 = fields.get<std::string>("sha256");
    out.file = fields.file("file");
  }
  out.metadata = fields.file("metadata");
  out.metadata_sha256 = fields.get<std::string>("metadata_sha256");
  if (document.has("in_snapshot")) out.in_snapshot = fields.get<bool>("in_snapshot");
  if (document.has("definition")) {
    out.definition = bson::Bytes(fields.get<bson::Binary>("definition").data).decode();
  }
  return out;
}

}  // namespace

std::int64_t Manifest::documents() const {
  return std::accumulate(collections.begin(), collections.end(), std::int64_t{0},
                         [](std::int64_t sum, const auto& entry) { return sum + entry.documents; });
}

std::int64_t Manifest::bytes() const {
  return std::accumulate(collections.begin(), collections.end(), std::int64_t{0},
                         [](std::int64_t sum, const auto& entry) { return sum + entry.bytes; });
}

std::string to_json(const Manifest& manifest) {
  std::string out;
  for (const auto& [key, value] : header(manifest)) {
    // { "key" : value }; ids keep their types.
    const Document one{{key, value}};
    const auto field = key == "plan" ? bson::to_canonical_json(one) : bson::to_relaxed_json(one);
    out += (out.empty() ? "{\n " : ",\n ") + field.substr(2, field.size() - 4);
  }
  out += ",\n \"collections\" : [";
  for (std::size_t i = 0; i < manifest.collections.size(); ++i) {
    out += (i > 0 ? ",\n  " : "\n  ") + bson::to_relaxed_json(to_document(manifest.collections[i]));
  }
  return out + "\n ]\n}\n";
}

Manifest parse_manifest(const std::string& json, const std::string& path) {
  Document document;
  try {
    document = bson::from_json(json);
  } catch (const Error& error) {
    Fields(document, path).damaged(error.what());
  }
  const Fields fields(document, path);
  if (fields.integer("format") > kFormat) {
    throw Error(Exit::kPrecondition, "The backup was written by a later version of this program: " + path,
                "Restore it with " + fields.get<std::string>("tool") + " or later.");
  }
  Manifest out;
  out.tool = fields.get<std::string>("tool");
  out.database = fields.get<std::string>("database");
  out.server_version = fields.get<std::string>("server_version");
  out.scope = fields.get<std::string>("scope");
  const auto* plan = document.find("plan");
  if (const auto* covered = plan ? plan->as<Document>() : nullptr) {
    const Fields parts(*covered, path);
    const auto& ids = parts.get<bson::Array>("datasets");
    out.plan = Covered{parts.get<std::string>("target"), std::vector<Value>(ids.begin(), ids.end())};
  } else if (!plan || !plan->is_null()) {
    out.plan.emplace();  // it does not say: none is known to be whole
  }
  out.started_ms = fields.get<bson::Date>("started").ms;
  out.finished_ms = fields.get<bson::Date>("finished").ms;
  const auto* snapshot = document.find("snapshot");
  if (const auto* time = snapshot ? snapshot->as<Document>() : nullptr) {
    const Fields parts(*time, path);
    out.snapshot = ClusterTime{static_cast<std::uint32_t>(parts.integer("seconds")),
                               static_cast<std::uint32_t>(parts.integer("increment"))};
  } else {
    out.no_snapshot = fields.get<std::string>("snapshot");
    if (out.no_snapshot.starts_with("none: ")) out.no_snapshot.erase(0, 6);
  }
  out.zstd = fields.get<std::string>("compression") == "zstd";
  for (const auto& entry : fields.get<bson::Array>("collections")) {
    if (!entry.as<Document>()) fields.damaged("'collections' holds something else");
    out.collections.push_back(parse_entry(*entry.as<Document>(), path));
  }
  if (fields.integer("documents") != out.documents() || fields.integer("bytes") != out.bytes()) {
    fields.damaged("the sums do not agree with the collections");
  }
  return out;
}

Manifest read_manifest(const std::string& directory) {
  if (!std::filesystem::is_directory(directory)) {
    throw Error(Exit::kNotFound, "There is no folder " + directory);
  }
  const auto path = directory + "/" + kManifestName;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw Error(Exit::kPrecondition, "The backup in " + directory + " is incomplete: it has no " + kManifestName,
                "That file is written last. Use another backup; what mongodump wrote is for mongorestore.");
  }
  std::ostringstream text;
  text << file.rdbuf();
  auto out = parse_manifest(text.str(), path);
  out.digest = sha256_hex(text.str());
  return out;
}

std::optional<Manifest> read_cas_manifest(const std::string& directory) {
  const auto path = directory + "/" + kCasManifestName;
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  auto out = parse_manifest(text.str(), path);
  out.digest = sha256_hex(text.str());
  return out;
}

}  // namespace fm::dump
