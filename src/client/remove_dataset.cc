#include "client/remove_dataset.h"

#include <vector>

#include "bson/read.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr const char* kRunFields[] = {"annotation_runs", "brain_methods", "evaluations", "runs"};

Document among(const char* key, std::vector<Value> values) {
  Array list;
  for (auto& value : values) list.append(std::move(value));
  return {{key, Document{{"$in", std::move(list)}}}};
}

// The ids in a list of references; inlined documents of old models have none.
std::vector<Value> references(const Document& dataset, const char* field) {
  std::vector<Value> out;
  const auto* value = dataset.find(field);
  if (const auto* list = value ? value->as<Array>() : nullptr) {
    for (const auto& item : *list) {
      if (item.as<bson::Oid>()) out.push_back(item);
    }
  }
  return out;
}

struct Runs {
  std::vector<Value> documents;
  std::vector<Value> results;  // GridFS files
};

Runs runs_of(Mongo& mongo, const Document& dataset) {
  Runs out;
  const auto take_results = [&](const Value* results) {
    if (results && results->as<bson::Oid>()) out.results.push_back(*results);
  };
  for (const auto* field : kRunFields) {
    const auto* value = dataset.find(field);
    const auto* runs = value ? value->as<Document>() : nullptr;
    if (!runs) continue;
    for (const auto& run : *runs) {
      if (run.value.as<bson::Oid>()) out.documents.push_back(run.value);
      if (const auto* inlined = run.value.as<Document>()) take_results(inlined->find("results"));
    }
  }
  FindOptions options;
  options.projection = Document{{"results", 1}};
  if (out.documents.empty()) return out;
  mongo.find("runs", among("_id", out.documents), options, [&](const bson::View& view) {
    const auto results = view.get("results");
    take_results(results ? &*results : nullptr);
  });
  return out;
}

bool used_by_another(Mongo& mongo, const Value& id, const char* key, const std::string& collection) {
  return mongo.find_one("datasets", Document{{key, collection}, {"_id", Document{{"$ne", id}}}}).has_value();
}

}  // namespace

void remove_dataset(Mongo& mongo, const Document& dataset) {
  const auto& id = *dataset.find("_id");
  const auto names = mongo.collection_names();
  const auto samples = bson::text_at(dataset, "sample_collection_name");
  auto frames = bson::text_at(dataset, "frame_collection_name");
  if (frames.empty() && !samples.empty()) frames = "frames." + samples;  // models before 0.14.0
  if (names.contains(samples) && !used_by_another(mongo, id, "sample_collection_name", samples)) mongo.drop(samples);
  if (names.contains(frames) && !used_by_another(mongo, id, "frame_collection_name", frames)) mongo.drop(frames);
  const auto runs = runs_of(mongo, dataset);
  const auto remove = [&](const char* collection, const Document& filter) {
    if (names.contains(collection)) mongo.remove_where(collection, filter);
  };
  if (!runs.results.empty()) {
    remove("fs.files", among("_id", runs.results));
    remove("fs.chunks", among("files_id", runs.results));
  }
  const std::pair<const char*, std::vector<Value>> owned[] = {{"views", references(dataset, "saved_views")},
                                                              {"workspaces", references(dataset, "workspaces")},
                                                              {"runs", runs.documents}};
  for (const auto& [collection, ids] : owned) {
    if (!ids.empty()) remove(collection, among("_id", ids));
    remove(collection, Document{{"_dataset_id", id}});
  }
  remove("tags", Document{{"_dataset_id", id}});
  remove("delegated_ops", Document{{"dataset_id", id}});
  remove("execution_store", Document{{"dataset_id", id}});
  mongo.remove("datasets", {id});
}

}  // namespace fm
