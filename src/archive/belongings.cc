#include "archive/belongings.h"

#include "archive/contents.h"
#include "bson/path.h"
#include "bson/read.h"
#include "exec/gridfs.h"

namespace fm::archive {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

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
  const auto references = references_of(dataset);
  const auto& runs = array_at(references, "runs");
  if (!runs.empty()) {
    mongo.find("runs", Document{{"_id", Document{{"$in", runs}}}}, {}, [&](bson::View view) { add(view.decode()); });
  }
  return out;
}

}  // namespace

Document belongings_of(Mongo& mongo, const Document& dataset) {
  return {{"samples", bson::text_at(dataset, "sample_collection_name")},
          {"frames", frame_collection(dataset)},
          {"documents", references_of(dataset)},
          {"files", files_of(mongo, dataset)}};
}

void drop_unless_named(Mongo& mongo, const std::string& collection) {
  if (collection.empty()) return;
  const Document named{{"$or", Array{Document{{"sample_collection_name", collection}},
                                     Document{{"frame_collection_name", collection}}}}};
  if (!mongo.find_one("datasets", named) && mongo.collection_names().contains(collection)) mongo.drop(collection);
}

void remove_documents(Mongo& mongo, const Document& by_collection) {
  for (const auto& [collection, ids] : by_collection) {
    if (const auto* list = ids.as<Array>()) mongo.remove(collection, values(*list));
  }
}

void remove_belongings(Mongo& mongo, const Document& belongings) {
  for (const char* key : {"samples", "frames"}) drop_unless_named(mongo, bson::text_at(belongings, key));
  const auto* documents = belongings.find("documents");
  if (documents && documents->as<Document>()) remove_documents(mongo, *documents->as<Document>());
  delete_files(mongo, array_at(belongings, "files"));
}

}  // namespace fm::archive
