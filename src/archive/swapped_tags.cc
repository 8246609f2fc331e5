#include "archive/swapped_tags.h"

#include <functional>
#include <vector>

#include "archive/tags.h"

namespace fm::archive {

using bson::Array;
using bson::Document;

namespace {

constexpr const char* kOld = "old";

void each_thousand(Mongo& mongo, const std::string& collection, const Document& filter,
                   const std::function<void(const std::vector<Document>&)>& visit) {
  constexpr std::size_t kMany = 1000;
  std::vector<Document> some;
  mongo.find(collection, filter, {}, [&](bson::View view) {
    some.push_back(view.decode());
    if (some.size() < kMany) return;
    visit(some);
    some.clear();
  });
  if (!some.empty()) visit(some);
}

}  // namespace

std::string tags_to_swap(const std::string& samples) { return "migrator.imports.tags." + samples; }

void note_old_tags(Mongo& mongo, const std::string& swap, const bson::Value& dataset) {
  mongo.aggregate_merge(kTags, Array{Document{{"$match", Document{{"_dataset_id", dataset}}}},
                                     Document{{"$project", Document{{kOld, Document{{"$literal", true}}}}}},
                                     Document{{"$merge", Document{{"into", swap}, {"on", "_id"}}}}});
}

void swap_tags(Mongo& mongo, const std::string& swap) {
  // First, because their index is unique.
  each_thousand(mongo, swap, Document{{kOld, true}}, [&](const std::vector<Document>& tags) {
    std::vector<bson::Value> ids;
    for (const auto& tag : tags) ids.push_back(*tag.find("_id"));
    mongo.remove(kTags, ids);
  });
  each_thousand(mongo, swap, Document{{kOld, Document{{"$exists", false}}}},
                [&](const std::vector<Document>& tags) { mongo.insert_or_clash(kTags, tags); });
  mongo.drop(swap);
}

}  // namespace fm::archive
