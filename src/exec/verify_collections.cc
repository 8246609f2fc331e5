#include "exec/verify_collections.h"

#include <algorithm>
#include <map>

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;
using Kind = Problem::Kind;

namespace {

constexpr std::int64_t kPart = 1000;
// Collections up to this size are counted in full once something is found.
constexpr std::int64_t kCountable = 100'000;

Array part(int order, const Document& filter) {
  return {Document{{"$sort", Document{{"_id", order}}}}, Document{{"$limit", kPart}}, Document{{"$match", filter}},
          Document{{"$project", Document{{"_id", 1}}}}};
}

bool any(Mongo& mongo, const std::string& collection, const Document& filter, bool deep) {
  if (deep) {
    FindOptions options;
    options.projection = Document{{"_id", 1}};
    return mongo.find_one(collection, filter, options).has_value();
  }
  auto pipeline = part(1, filter);
  pipeline.append(Document{{"$unionWith", Document{{"coll", collection}, {"pipeline", part(-1, filter)}}}});
  pipeline.append(Document{{"$limit", 1}});
  bool found = false;
  mongo.aggregate(collection, pipeline, [&](const bson::View&) { found = true; });
  return found;
}

// Documents of both ends that match, each once.
std::int64_t count_of_ends(Mongo& mongo, const std::string& collection, const Document& filter) {
  auto pipeline = part(1, filter);
  pipeline.append(Document{{"$unionWith", Document{{"coll", collection}, {"pipeline", part(-1, filter)}}}});
  pipeline.append(Document{{"$group", Document{{"_id", "$_id"}}}});
  std::int64_t n = 0;
  mongo.aggregate(collection, pipeline, [&](const bson::View&) { ++n; });
  return n;
}

// The dataset that a document with the wrong one names.
void tell_owner(Mongo& mongo, const CollectionCheck& check, const SharedData& data, Problem& problem) {
  FindOptions options;
  options.projection = Document{{check.owner_key, 1}};
  const auto document = mongo.find_one(check.collection, check.filter, options);
  const auto* id = document ? document->find(check.owner_key) : nullptr;
  const auto* other = id ? data.dataset(*id) : nullptr;
  if (!other) {
    problem.what += ", which does not exist";
    return;
  }
  const auto name = "'" + other->name.value_or("(no name)") + "'";
  if (other->clips() && other->frames == check.collection) {
    problem.what = "frames stamped with the id of the clips dataset " + name + ": a defect of the original";
    problem.remedy = "Views of frames by dataset miss them.";
    problem.repair = "set " + check.owner_key + " to this dataset's id";
  } else {
    problem.what += ", for example " + name;
  }
}

}  // namespace

std::vector<Problem> run_checks(Mongo& mongo, const std::vector<CollectionCheck>& checks, const SharedData& data,
                                bool deep) {
  std::map<std::string, std::vector<const CollectionCheck*>> by_collection;
  for (const auto& check : checks) {
    if (data.collections.contains(check.collection)) by_collection[check.collection].push_back(&check);
  }
  std::vector<Problem> out;
  for (const auto& [collection, list] : by_collection) {
    Array filters;
    for (const auto* check : list) filters.append(check->filter);
    if (!any(mongo, collection, Document{{"$or", std::move(filters)}}, deep)) continue;
    const bool all = deep || mongo.estimated_count(collection) <= kCountable;
    for (const auto* check : list) {
      const auto n = all ? mongo.count(collection, check->filter) : count_of_ends(mongo, collection, check->filter);
      if (n == 0) continue;
      auto problem = check->problem;
      problem.count = n;
      problem.at_least = !all;
      if (!check->owner_key.empty()) tell_owner(mongo, *check, data, problem);
      out.push_back(std::move(problem));
    }
  }
  return out;
}

std::vector<Problem> frames_without_samples(Mongo& mongo, const std::string& frames, const std::string& samples,
                                            bool deep) {
  Array pipeline;
  if (!deep) pipeline.append(Document{{"$limit", kPart}});
  pipeline.append(Document{{"$group", Document{{"_id", "$_sample_id"}, {"frames", Document{{"$sum", 1}}}}}});
  pipeline.append(Document{{"$lookup", Document{{"from", samples},
                                                {"localField", "_id"},
                                                {"foreignField", "_id"},
                                                {"pipeline", Array{Document{{"$project", Document{{"_id", 1}}}}}},
                                                {"as", "sample"}}}});
  pipeline.append(Document{{"$match", Document{{"sample", Array()}}}});
  pipeline.append(Document{{"$group", Document{{"_id", bson::Null{}}, {"n", Document{{"$sum", "$frames"}}}}}});
  std::int64_t n = 0;
  mongo.aggregate(frames, pipeline, [&](const bson::View& view) {
    const auto value = view.get("n");
    n = value ? value->integer().value_or(0) : 0;
  });
  if (n == 0) return {};
  Problem problem;
  problem.kind = Kind::kDangling;
  problem.where = frames + "._sample_id";
  problem.what = "frames whose sample is not in " + samples;
  problem.count = n;
  problem.at_least = !deep && mongo.estimated_count(frames) > kPart;
  problem.remedy = "Nothing shows them; delete them once you are sure that the samples are gone for good.";
  return {problem};
}

std::vector<Problem> missing_indexes(Mongo& mongo, const std::string& collection,
                                     const std::vector<std::string>& expected) {
  const auto there = mongo.index_names(collection);
  std::vector<std::string> missing;
  std::copy_if(expected.begin(), expected.end(), std::back_inserter(missing),
               [&](const std::string& name) { return !there.contains(name); });
  if (missing.empty()) return {};
  Problem problem;
  problem.kind = Kind::kNote;
  problem.where = collection;
  problem.what = "lacks indexes that new datasets have: " + some_of(missing);
  problem.count = static_cast<std::int64_t>(missing.size());
  problem.remedy = "Sorting by these is slower; a client can create them.";
  return {problem};
}

}  // namespace fm
