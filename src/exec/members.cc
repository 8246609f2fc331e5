#include "exec/members.h"

#include <map>
#include <set>

#include "bson/merge.h"
#include "exec/prepare.h"
#include "exec/residue.h"
#include "ops/server_form.h"
#include "ops/take_back.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;
using ops::expression;
using ops::literal;

namespace {

constexpr std::size_t kBatch = 256;

}  // namespace

void keep_members(Mongo& mongo, const std::string& run, const std::vector<ops::CollectionWork>& works) {
  for (const auto& work : works) {
    for (auto& [collection, filter] : ops::displaced(work)) {
      const Document id{{"run", literal(run)}, {"collection", literal(collection)}, {"document", "$_id"}};
      Array pipeline;
      pipeline.append(Document{{"$match", std::move(filter)}});
      pipeline.append(Document{{"$replaceWith", Document{{"_id", id}, {"before", "$$ROOT"}}}});
      pipeline.append(Document{{"$merge", Document{{"into", kResidueMembers},
                                                   {"on", "_id"},
                                                   {"whenMatched", "keepExisting"},
                                                   {"whenNotMatched", "insert"}}}});
      mongo.aggregate_merge(collection, pipeline);
    }
  }
}

std::vector<std::string> member_collections(const std::vector<ops::CollectionWork>& works) {
  std::set<std::string> out;
  for (const auto& work : works) {
    for (const auto& one : ops::displaced(work)) out.insert(one.first);
  }
  return {out.begin(), out.end()};
}

std::int64_t restore_members(Mongo& mongo, const MemberRestore& restore) {
  std::int64_t kept = 0;
  std::map<std::string, Document> images;
  const auto flush = [&] {
    Array ids;
    for (const auto& [key, image] : images) ids.append(*image.find("_id"));
    std::vector<Update> updates;
    mongo.find(restore.collection, Document{{"_id", Document{{"$in", std::move(ids)}}}}, {}, [&](bson::View view) {
      const auto mine = view.decode();
      const auto& image = images.at(id_key(*mine.find("_id")));
      auto merged = bson::merge(restore.base(image), mine, restore.theirs(image));
      if (!merged.conflicts.empty()) ++kept;
      if (merged.document == mine) return;
      const Document filter{{"_id", *mine.find("_id")}, {"$expr", expression("$eq", Array{"$$ROOT", literal(mine)})}};
      updates.emplace_back(filter, merged.document);
    });
    mongo.replace(restore.collection, updates);
    images.clear();
  };
  Document filter{{"_id.run", restore.run}, {"_id.collection", restore.collection}};
  for (const auto& [key, value] : restore.owner) filter.append("before." + key, value);
  mongo.find(kResidueMembers, filter, {}, [&](bson::View view) {
    const auto before = view.get("before");
    const auto* image = before ? before->as<Document>() : nullptr;
    const auto* id = image ? image->find("_id") : nullptr;
    if (!id) return;
    images.emplace(id_key(*id), *image);
    if (images.size() >= kBatch) flush();
  });
  if (!images.empty()) flush();
  return kept;
}

}  // namespace fm
