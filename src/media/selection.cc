#include "media/selection.h"

#include <algorithm>
#include <string>
#include <unordered_set>

#include "base/error.h"
#include "bson/json.h"
#include "exec/prepare.h"

namespace fm::media {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr std::size_t kAtOnce = 1000;

std::vector<Document> any_of(const std::string& key, const std::vector<Value>& ids) {
  std::vector<Document> out;
  for (std::size_t start = 0; start < ids.size(); start += kAtOnce) {
    Array some;
    for (auto i = start; i < std::min(start + kAtOnce, ids.size()); ++i) some.append(ids[i]);
    out.push_back(Document{{key, Document{{"$in", std::move(some)}}}});
  }
  return out;
}

std::vector<Value> ids_of(Mongo& mongo, const std::string& collection, const std::vector<Document>& filters) {
  FindOptions options;
  options.projection = Document{{"_id", 1}};
  std::vector<Value> out;
  for (const auto& filter : filters) {
    mongo.find(collection, filter, options, [&](const bson::View& view) { out.push_back(*view.get("_id")); });
  }
  return out;
}

void check_found(const std::vector<Value>& asked, const std::vector<Value>& found) {
  if (asked.size() == found.size()) return;
  std::unordered_set<std::string> there;
  for (const auto& id : found) there.insert(id_key(id));
  for (const auto& id : asked) {
    if (there.contains(id_key(id))) continue;
    throw Error(Exit::kNotFound,
                std::to_string(asked.size() - found.size()) + " of " + std::to_string(asked.size()) +
                    " samples are not in the dataset, for example " + bson::to_relaxed_json(Document{{"_id", id}}),
                "", "ValueError");
  }
}

}  // namespace

Selection::Selection(Mongo& mongo, const MediaDataset& dataset, const UploadRequest& request) : samples_{{}} {
  if (!request.group_slices.empty() && dataset.group_field.empty()) {
    throw Error(Exit::kUsage, "Dataset '" + dataset.name + "' is not grouped: it has no slices");
  }
  if (request.samples) {
    samples_ = any_of("_id", *request.samples);
    check_found(*request.samples, ids_of(mongo, dataset.samples, samples_));
  }
  if (!request.group_slices.empty()) {
    for (auto& filter : samples_)
      filter.append(dataset.group_field + ".name", Document{{"$in", Array::of(request.group_slices)}});
  }
  if (dataset.frames.empty()) return;
  const bool all = !request.samples && request.group_slices.empty();
  frames_ = all ? samples_ : any_of("_sample_id", ids_of(mongo, dataset.samples, samples_));
}

}  // namespace fm::media
