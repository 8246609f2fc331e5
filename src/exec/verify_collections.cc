#include "exec/verify_collections.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <set>

#include "bson/read.h"
#include "exec/prepare.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr std::int64_t kPart = 1000;
// Collections up to this size are counted in full once something is found.
constexpr std::int64_t kCountable = 100'000;

Array part(int order, const Document& filter, const std::string& key = "_id") {
  return {Document{{"$sort", Document{{"_id", order}}}}, Document{{"$limit", kPart}}, Document{{"$match", filter}},
          Document{{"$project", Document{{key, 1}}}}};
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

// Whether a mend would change any of the documents found. Most often the first
// one tells.
bool any_mendable(Mongo& mongo, const Problem& problem) {
  bool found = false;
  for (const auto& members : problem.mend.members) {
    for (const std::int64_t limit : {1, 1000, 0}) {
      FindOptions options;
      options.limit = limit;
      mongo.find(members.collection, members.filter, options, [&](const bson::View& view) {
        if (found) return;
        const auto before = view.decode();
        auto after = before;
        members.edit(after);
        found = !(after == before);
      });
      if (found) return true;
    }
  }
  return false;
}

// Whose collection it is has one answer.
bool belongs_to_one(const SharedData& data, const std::string& collection) {
  return std::count_if(data.datasets.begin(), data.datasets.end(), [&](const DatasetRow& row) {
           return row.samples == collection || (!row.clips() && row.frames == collection);
         }) <= 1;
}

// Why a stamp is wrong.
enum class Stamp { kOfClips, kOfNobody, kOfAnother };

// Whom wrong stamps in a collection name.
class Stamps {
 public:
  Stamps(const SharedData& data, std::string collection) : collection_(std::move(collection)) {
    for (const auto& row : data.datasets) {
      names_.emplace(id_key(row.id), row.name.value_or("(no name)"));
      if (row.clips() && row.frames == collection_) clips_.insert(id_key(row.id));
    }
  }
  Stamp of(const Value& id) const {
    const auto key = id_key(id);
    if (clips_.contains(key)) return Stamp::kOfClips;
    return names_.contains(key) ? Stamp::kOfAnother : Stamp::kOfNobody;
  }
  const std::string& name(const Value& id) const { return names_.at(id_key(id)); }

 private:
  std::string collection_;
  std::map<std::string, std::string> names_;  // by encoded _id
  std::set<std::string> clips_;               // that share the collection
};

std::vector<Problem> wrong_stamps(Mongo& mongo, const CollectionCheck& check, const SharedData& data, bool all) {
  const auto stamps = std::make_shared<Stamps>(data, check.collection);
  Array pipeline;
  if (all) {
    pipeline.append(Document{{"$match", check.filter}});
  } else {
    pipeline = part(1, check.filter, check.owner_key);
    pipeline.append(Document{
        {"$unionWith", Document{{"coll", check.collection}, {"pipeline", part(-1, check.filter, check.owner_key)}}}});
  }
  pipeline.append(Document{{"$group", Document{{"_id", "$" + check.owner_key}, {"n", Document{{"$sum", 1}}}}}});
  std::map<Stamp, Problem> found;
  mongo.aggregate(check.collection, pipeline, [&](const bson::View& view) {
    const auto id = view.get("_id").value_or(Value());
    const auto n = view.get("n");
    const auto kind = stamps->of(id);
    auto [problem, first] = found.emplace(kind, check.problem);
    auto& out = problem->second;
    if (first) {
      out.count = 0;
      out.at_least = !all;
      if (kind == Stamp::kOfAnother) out.what += ", for example '" + stamps->name(id) + "'";
      if (kind == Stamp::kOfNobody) {
        out = problem_of("stamp-of-nobody", out.where, out.what + ", which does not exist", out.remedy, 0);
      }
      if (kind == Stamp::kOfClips) {
        out = problem_of(
            "stamp-of-clips", out.where,
            "frames stamped with the id of the clips dataset '" + stamps->name(id) + "': a defect of the original",
            "Views of frames by dataset miss them.", 0);
      }
      out.at_least = !all;
    }
    out.count += n ? n->integer().value_or(0) : 0;
  });
  std::vector<Problem> out;
  for (auto& [kind, problem] : found) {
    if (kind != Stamp::kOfAnother && belongs_to_one(data, check.collection)) {
      problem.repair = "set " + check.owner_key + " to this dataset's id";
      problem.mend.members.push_back(
          {check.collection, check.filter,
           [stamps, kind = kind, key = check.owner_key, owner = check.owner](Document& member) {
             auto* stamp = member.find(key);
             if (stamp && !(*stamp == owner) && stamps->of(*stamp) == kind) *stamp = owner;
           }});
    }
    out.push_back(std::move(problem));
  }
  return out;
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
      if (!check->owner_key.empty()) {
        auto stamps = wrong_stamps(mongo, *check, data, all);
        std::move(stamps.begin(), stamps.end(), std::back_inserter(out));
        continue;
      }
      const auto n = all ? mongo.count(collection, check->filter) : count_of_ends(mongo, collection, check->filter);
      if (n == 0) continue;
      auto problem = check->problem;
      problem.count = n;
      problem.at_least = !all;
      if (!belongs_to_one(data, collection) || !any_mendable(mongo, problem)) {
        problem.mend = {};
        problem.repair.clear();
      }
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
  auto problem =
      problem_of("frames-without-samples", frames + "._sample_id", "frames whose sample is not in " + samples,
                 "Nothing shows them; delete them once you are sure that the samples are gone for good.", n);
  problem.at_least = !deep && mongo.estimated_count(frames) > kPart;
  return {problem};
}

namespace {

// Whether two documents have the same values under all of these keys.
bool has_twice(Mongo& mongo, const std::string& collection, const Document& keys) {
  Document id;
  for (const auto& [key, order] : keys) id.append(key, "$" + key);
  Array pipeline;
  pipeline.append(Document{{"$group", Document{{"_id", std::move(id)}, {"n", Document{{"$sum", 1}}}}}});
  pipeline.append(Document{{"$match", Document{{"n", Document{{"$gt", 1}}}}}});
  pipeline.append(Document{{"$limit", 1}});
  bool found = false;
  mongo.aggregate(collection, pipeline, [&](const bson::View&) { found = true; });
  return found;
}

}  // namespace

std::vector<Problem> missing_indexes(Mongo& mongo, const std::string& collection,
                                     const std::vector<Document>& expected) {
  const auto there = mongo.index_names(collection);
  std::vector<std::string> missing;
  std::vector<std::string> twice;
  Mend mend;
  for (const auto& index : expected) {
    const auto name = bson::text_at(index, "name");
    if (there.contains(name)) continue;
    missing.push_back(name);
    const auto* unique = index.find("unique");
    if (unique && unique->truthy() && has_twice(mongo, collection, *index.find("key")->as<Document>())) {
      twice.push_back(name);
    } else {
      mend.indexes.push_back({collection, index});
    }
  }
  if (missing.empty()) return {};
  auto problem =
      problem_of("indexes-missing", collection, "lacks indexes that new datasets have: " + some_of(missing),
                 "Sorting by these is slower; a client can create them.", static_cast<std::int64_t>(missing.size()));
  if (!twice.empty()) {
    problem.remedy = some_of(twice) + " cannot be made: values that must be unique are there twice.";
  }
  if (!mend.empty()) problem.repair = twice.empty() ? "make them" : "make those that can be made";
  problem.mend = std::move(mend);
  return {problem};
}

}  // namespace fm
