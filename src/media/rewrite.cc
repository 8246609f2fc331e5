#include "media/rewrite.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "media/leaves.h"
#include "media/run.h"
#include "ops/server_form.h"

namespace fm::media {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr std::int64_t kRange = 10000;
constexpr std::int64_t kExamples = 5;

// One text a document, named v.
Array texts_pipeline(const MediaField& field) {
  Array pipeline{Document{{"$project", Document{{"_id", 0}, {"v", "$" + field.path}}}}};
  const auto parts = 1 + std::count(field.path.begin(), field.path.end(), '.');
  for (std::int64_t i = 0; i < parts; ++i) pipeline.append(Document{{"$unwind", "$v"}});
  pipeline.append(Document{{"$match", Document{{"v", Document{{"$type", "string"}}}}}});
  return pipeline;
}

PathCount count_field(Mongo& mongo, const MediaDataset& dataset, const MediaField& field, const Remap& remap) {
  PathCount out;
  out.field = field;
  out.by_rule.assign(remap.rules().size(), 0);
  Array branches;
  for (std::size_t i = 0; i < remap.rules().size(); ++i) {
    const Value fits = Document{
        {"$regexMatch", Document{{"input", "$v"}, {"regex", ops::literal(Remap({remap.rules()[i]}).pattern())}}}};
    branches.append(Document{{"case", fits}, {"then", static_cast<std::int32_t>(i)}});
  }
  auto pipeline = texts_pipeline(field);
  pipeline.append(
      Document{{"$group", Document{{"_id", Document{{"$switch", Document{{"branches", branches}, {"default", -1}}}}},
                                   {"n", Document{{"$sum", 1}}}}}});
  mongo.aggregate(dataset.collection_of(field), pipeline, [&](const bson::View& view) {
    const auto rule = view.get("_id")->integer().value_or(-1);
    const auto n = view.get("n")->integer().value_or(0);
    (rule < 0 ? out.unmatched : out.by_rule[static_cast<std::size_t>(rule)]) += n;
  });
  if (out.unmatched > 0) {
    auto others = texts_pipeline(field);
    others.append(Document{{"$match", Document{{"v", Document{{"$not", Document{{"$regex", remap.pattern()}}}}}}}});
    others.append(Document{{"$limit", kExamples}});
    mongo.aggregate(dataset.collection_of(field), others,
                    [&](const bson::View& view) { out.examples.push_back(*view.get("v")->as<std::string>()); });
  }
  return out;
}

// The texts of a field once the update has run.
Value new_texts(const MediaField& field, const Value& new_top) {
  const auto top = top_of(field.path);
  if (top == field.path) return new_top;
  return Document{
      {"$let", Document{{"vars", Document{{"t", new_top}}}, {"in", "$$t" + field.path.substr(top.size())}}}};
}

class Pass {
 public:
  Pass(Mongo& mongo, std::string collection, std::string records, const std::vector<MediaField>& fields,
       const Remap& remap)
      : mongo_(mongo), collection_(std::move(collection)), records_(std::move(records)) {
    const auto leaf = [&](const Value& text) { return remap.expression(text); };
    Array before;
    Array after;
    Array any;
    // One field a stage: two fields may share their top-level key.
    for (const auto& field : fields) {
      const auto value = with_texts(field.path, leaf);
      before.append("$" + field.path);
      after.append(new_texts(field, value));
      any.append(Document{{field.path, Document{{"$regex", remap.pattern()}}}});
      update_.append(Document{{"$set", Document{{top_of(field.path), value}}}});
    }
    pending_ = Document{{"$or", std::move(any)}};
    record_ = Document{{"$project", Document{{"o", std::move(before)}, {"n", std::move(after)}}}};
    const Value modified =
        Document{{"$cond", Array{Document{{"$eq", Array{Document{{"$type", "$last_modified_at"}}, "date"}}}, "$$NOW",
                                 "$$REMOVE"}}};
    update_.append(Document{{"$set", Document{{"last_modified_at", modified}}}});
  }

  void run(const Document& range) {
    const Document filter = range.empty() ? pending_ : Document{{"$and", Array{pending_, range}}};
    // The record of a killed attempt is the right one: the document was not
    // written before it.
    const Document merge{
        {"into", records_}, {"on", "_id"}, {"whenMatched", "keepExisting"}, {"whenNotMatched", "insert"}};
    mongo_.aggregate_merge(collection_, Array{Document{{"$match", filter}}, record_, Document{{"$merge", merge}}});
    mongo_.update_many(collection_, filter, update_, !range.empty());
  }

 private:
  Mongo& mongo_;
  std::string collection_;
  std::string records_;
  Document pending_;
  Document record_;
  Array update_;
};

bool any_fits(Mongo& mongo, const MediaDataset& dataset, const std::vector<MediaField>& fields, const Remap& remap) {
  FindOptions options;
  options.projection = Document{{"_id", 1}};
  for (const auto& field : fields) {
    const Document fits{{field.path, Document{{"$regex", remap.pattern()}}}};
    if (mongo.find_one(dataset.collection_of(field), fits, options)) return true;
  }
  return false;
}

Document request_of(const Remap& remap) {
  Array rules;
  for (const auto& rule : remap.rules()) rules.append(Document{{"from", rule.from}, {"to", rule.to}});
  return {{"rules", std::move(rules)}};
}

}  // namespace

std::int64_t PathCount::matched() const { return std::accumulate(by_rule.begin(), by_rule.end(), std::int64_t{0}); }

std::vector<PathCount> count_paths(Mongo& mongo, const MediaDataset& dataset, const std::vector<MediaField>& fields,
                                   const Remap& remap) {
  std::vector<PathCount> out;
  out.reserve(fields.size());
  for (const auto& field : fields) out.push_back(count_field(mongo, dataset, field, remap));
  return out;
}

std::string rewrite_paths(Mongo& mongo, const MediaDataset& dataset, const std::vector<MediaField>& fields,
                          const Remap& remap, const RunOrigin& origin, const PassProgress& progress) {
  Runs runs(mongo, origin);
  if (!runs.unfinished(dataset) && !any_fits(mongo, dataset, fields, remap)) return "";
  const auto run = runs.begin("rewrite", dataset, fields, request_of(remap));
  try {
    std::int64_t documents = 0;
    for (const bool frames : {false, true}) {
      const auto of_these = run.fields_of(frames);
      if (of_these.empty()) continue;
      const auto& collection = frames ? dataset.frames : dataset.samples;
      Pass pass(mongo, collection, run.records(frames), of_these, remap);
      for_each_range(mongo, collection, {kRange, 1, progress}, [&](const Document& range) { pass.run(range); });
      documents += mongo.estimated_count(run.records(frames));
    }
    runs.done(run, documents);
  } catch (const Error& error) {
    runs.broken_off(run, error);
    throw;
  }
  return run.id;
}

}  // namespace fm::media
