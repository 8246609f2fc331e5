#include "exec/verify_data.h"

#include "exec/prepare.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

std::optional<std::string> text_of(const bson::View& view, const char* key) {
  const auto text = view.get_string(key);
  return text ? std::optional(std::string(*text)) : std::nullopt;
}

std::int64_t number_of(const bson::View& view, const char* key, std::int64_t otherwise) {
  const auto value = view.get(key);
  return value ? value->integer().value_or(otherwise) : otherwise;
}

void read_datasets(Mongo& mongo, SharedData& out) {
  FindOptions options;
  options.projection = Document{{"name", 1}, {"slug", 1}, {"sample_collection_name", 1}, {"frame_collection_name", 1}};
  mongo.find("datasets", {}, options, [&](const bson::View& view) {
    DatasetRow row;
    row.id = view.get("_id").value_or(Value());
    row.name = text_of(view, "name");
    row.slug = text_of(view, "slug");
    row.samples = text_of(view, "sample_collection_name").value_or("");
    row.frames = text_of(view, "frame_collection_name").value_or("");
    out.dataset_of.emplace(id_key(row.id), out.datasets.size());
    out.datasets.push_back(std::move(row));
  });
}

void read_documents(Mongo& mongo, const std::string& collection, Document projection, SharedData& out) {
  if (!out.collections.contains(collection)) return;
  FindOptions options;
  options.projection = std::move(projection);
  auto& known = out.documents[collection];
  mongo.find(collection, {}, options, [&](const bson::View& view) {
    auto document = view.decode();
    auto key = id_key(*document.find("_id"));
    known.emplace(std::move(key), std::move(document));
  });
}

void read_labels(Mongo& mongo, const std::string& collection, SharedData& out) {
  if (!out.collections.contains(collection)) return;
  FindOptions options;
  options.projection = Document{{"_dataset_id", 1}, {"name", 1}, {"slug", 1}};
  mongo.find(collection, {}, options, [&](const bson::View& view) {
    auto document = view.decode();
    const auto key = id_key(*document.find("_id"));
    out.labels[collection].emplace(key, Label{text_of(view, "name").value_or(""), text_of(view, "slug").value_or("")});
    document.take("name");
    document.take("slug");
    out.documents[collection].emplace(key, std::move(document));
  });
}

void read_files(Mongo& mongo, bool all_bytes, SharedData& out) {
  FindOptions options;
  options.projection = Document{{"length", 1}, {"chunkSize", 1}};
  mongo.find("fs.files", {}, options, [&](const bson::View& view) {
    StoredFile file;
    file.length = number_of(view, "length", 0);
    file.chunk_size = number_of(view, "chunkSize", 0);
    out.files.emplace(id_key(view.get("_id").value_or(Value())), file);
  });
  if (out.files.empty()) return;
  // The sort makes the server walk the index alone.
  Document group{{"_id", "$files_id"}, {"n", Document{{"$sum", 1}}}, {"last", Document{{"$max", "$n"}}}};
  if (all_bytes) group.append("bytes", Document{{"$sum", Document{{"$binarySize", "$data"}}}});
  Array pipeline;
  if (!all_bytes) pipeline.append(Document{{"$sort", Document{{"files_id", 1}, {"n", 1}}}});
  pipeline.append(Document{{"$group", std::move(group)}});
  mongo.aggregate("fs.chunks", pipeline, [&](const bson::View& view) {
    const auto found = out.files.find(id_key(view.get("_id").value_or(Value())));
    if (found == out.files.end()) return;
    found->second.chunks = number_of(view, "n", 0);
    found->second.last_chunk = number_of(view, "last", -1);
    found->second.bytes = number_of(view, "bytes", -1);
  });
}

}  // namespace

const Document* SharedData::find(const std::string& collection, const Value& id) const {
  const auto known = documents.find(collection);
  if (known == documents.end()) return nullptr;
  const auto found = known->second.find(id_key(id));
  return found == known->second.end() ? nullptr : &found->second;
}

const DatasetRow* SharedData::dataset(const Value& id) const {
  const auto found = dataset_of.find(id_key(id));
  return found == dataset_of.end() ? nullptr : &datasets[found->second];
}

SharedData read_shared_data(Mongo& mongo, bool all_bytes) {
  SharedData out;
  out.collections = mongo.collection_names();
  out.views = mongo.view_names();
  read_datasets(mongo, out);
  read_documents(mongo, "runs", Document{{"_dataset_id", 1}, {"results", 1}, {"config.cls", 1}}, out);
  read_labels(mongo, "views", out);
  read_labels(mongo, "workspaces", out);
  read_files(mongo, all_bytes, out);
  return out;
}

}  // namespace fm
