#include "exec/members.h"

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "bson/merge.h"
#include "bson/path.h"
#include "bson/read.h"
#include "exec/batch_size.h"
#include "exec/control.h"
#include "exec/guard.h"
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

void keep_indexes(Mongo& mongo, const std::string& run, const std::string& collection, const std::string& key) {
  std::vector<Document> kept;
  for (auto& index : mongo.unique_indexes(collection, key)) {
    const Document name{{"index", *index.find("name")}};
    kept.push_back(
        {{"_id", Document{{"run", run}, {"collection", collection}, {"document", name}}}, {"index", std::move(index)}});
  }
  mongo.insert(kResidueMembers, kept);
}

// Names the document that cannot be kept, if that is why it failed.
void explain(Mongo& mongo, const std::string& collection, const Document& filter) {
  const Document large{{"$expr", expression("$gt", Array{Document{{"$bsonSize", "$$ROOT"}},
                                                         static_cast<std::int64_t>(Residue::kLargest)})}};
  const auto found = mongo.find_one(collection, Document{{"$and", Array{filter, large}}});
  if (found)
    Residue::check("Document " + ops::shown(*found->find("_id")) + " of '" + collection + "'", bson::encode(*found));
}

}  // namespace

void keep_members(Mongo& mongo, const std::string& run, const std::vector<ops::CollectionWork>& works,
                  const PassSettings& settings) {
  std::map<std::string, Array> filters;
  std::set<std::string> shared;
  for (const auto& work : works) {
    if (work.owner_filter) shared.insert(work.collection);
    for (auto& [collection, filter] : ops::displaced(work)) filters[collection].append(std::move(filter));
  }
  for (auto& [collection, any] : filters) {
    const Document id{{"run", literal(run)}, {"collection", literal(collection)}, {"document", "$_id"}};
    const Document match{{"$or", std::move(any)}};
    const auto keep = [&, &collection = collection](const Document& range) {
      Array pipeline;
      if (!range.empty()) pipeline.append(Document{{"$match", range}});
      pipeline.append(Document{{"$match", match}});
      pipeline.append(Document{{"$replaceWith", Document{{"_id", id}, {"before", "$$ROOT"}}}});
      pipeline.append(Document{{"$merge", Document{{"into", kResidueMembers},
                                                   {"on", "_id"},
                                                   {"whenMatched", "keepExisting"},
                                                   {"whenNotMatched", "insert"}}}});
      mongo.aggregate_merge(collection, pipeline);
    };
    try {
      if (shared.contains(collection)) {
        keep({});
      } else {
        for_each_range(mongo, collection, settings, keep);
      }
    } catch (const Error& error) {
      if (!ends_the_run(error)) explain(mongo, collection, match);
      throw;
    }
  }
  for (const auto& work : works) {
    if (const auto unique = ops::drops_unique(work)) keep_indexes(mongo, run, unique->first, unique->second);
  }
}

std::vector<std::string> member_collections(const std::vector<ops::CollectionWork>& works) {
  std::set<std::string> out;
  for (const auto& work : works) {
    for (const auto& one : ops::displaced(work)) out.insert(one.first);
  }
  return {out.begin(), out.end()};
}

namespace {

// Calls `visit` with every document that has an image, and both sides of the merge.
using Visit = std::function<void(const Document& mine, const Document& base, const Document& theirs)>;

// `flushed` ends a batch; where it says false, documents of it were changed
// meanwhile, and all of it is visited again.
void each_image(Mongo& mongo, const MemberRestore& restore, const MemberRestore::MakeBeside& base, const Visit& visit,
                const std::function<bool(int attempt)>& flushed) {
  constexpr int kAttempts = 3;
  struct Image {
    Document before;
    std::optional<Document> after;
  };
  std::map<std::string, Image> images;
  std::size_t bytes = 0;
  const auto visit_all = [&] {
    Array ids;
    for (const auto& [key, image] : images) ids.append(*image.before.find("_id"));
    mongo.find(restore.collection, Document{{"_id", Document{{"$in", std::move(ids)}}}}, {}, [&](bson::View view) {
      const auto mine = view.decode();
      const auto& [before, after] = images.at(id_key(*mine.find("_id")));
      if (!after) {
        visit(mine, base(before, mine), restore.theirs(before));
      } else if (restore.forward) {
        visit(mine, before, *after);
      } else {
        visit(mine, *after, before);
      }
    });
  };
  const auto flush = [&] {
    for (int attempt = 1;; ++attempt) {
      visit_all();
      if (flushed(attempt)) break;
      if (attempt < kAttempts) continue;
      throw Error(Exit::kFailed, "documents of '" + restore.collection + "' keep changing while they are restored",
                  "Stop the clients that write to them and run the same command again.");
    }
    images.clear();
    bytes = 0;
  };
  auto filter = members_kept_by(restore.run, restore.collection);
  for (const auto& [key, value] : restore.owner) filter.append("before." + key, value);
  mongo.find(kResidueMembers, filter, {}, [&](bson::View view) {
    const auto record = view.decode();
    const auto* before = record.find("before");
    const auto* image = before ? before->as<Document>() : nullptr;
    const auto* id = image ? image->find("_id") : nullptr;
    if (!id) return;
    const auto* after = record.find("after");
    const auto* made = after ? after->as<Document>() : nullptr;
    images.emplace(id_key(*id), Image{*image, made ? std::optional(*made) : std::nullopt});
    bytes += view.size();
    if (images.size() >= kBatch || bytes >= kBatchBytes) flush();
  });
  if (!images.empty()) flush();
}

std::string example_of(const std::string& collection, const Value& id, const std::string& path) {
  return collection + ", " + ops::shown(id) + (path.empty() ? "" : ": " + path);
}

// Adds what one merge comes to.
bson::Merged merge(const MemberRestore& restore, const Document& mine, const Document& base, const Document& theirs,
                   MemberCount& count) {
  auto merged = bson::merge(base, mine, theirs);
  if (!merged.conflicts.empty() && count.edited++ == 0) {
    count.example = example_of(restore.collection, *mine.find("_id"), merged.conflicts.front());
  }
  if (!(merged.document == mine)) ++count.changed;
  return merged;
}

void restore_indexes(Mongo& mongo, const MemberRestore& restore, MemberCount& count) {
  auto filter = members_kept_by(restore.run, restore.collection);
  filter.append("index", Document{{"$type", "object"}});
  std::vector<Document> indexes;
  mongo.find(kResidueMembers, filter, {}, [&](bson::View view) {
    if (const auto index = view.get("index"); index && index->as<Document>()) indexes.push_back(*index->as<Document>());
  });
  for (const auto& index : indexes) {
    try {
      mongo.create_indexes(restore.collection, {index});
    } catch (const Error& error) {
      if (error.code() != Exit::kFailed && error.code() != Exit::kRights) throw;
      count.without_index.push_back(bson::text_at(index, "name") + " of " + restore.collection + ": " + error.what());
    }
  }
}

}  // namespace

MemberCount check_members(Mongo& mongo, const MemberRestore& restore) {
  MemberCount count;
  each_image(
      mongo, restore, [&](Document image, const Document&) { return restore.made(std::move(image)); },
      [&](const Document& mine, const Document& base, const Document& theirs) {
        merge(restore, mine, base, theirs, count);
      },
      [](int) { return true; });
  return count;
}

MemberCount restore_members(Mongo& mongo, const MemberRestore& restore, const std::string& keep) {
  MemberCount count;
  std::vector<Document> kept;
  std::vector<Update> updates;
  each_image(
      mongo, restore, restore.base,
      [&](const Document& mine, const Document& base, const Document& theirs) {
        const auto merged = merge(restore, mine, base, theirs, count);
        if (merged.document == mine) return;
        const auto& id = *mine.find("_id");
        if (!keep.empty()) {
          const Document record_id{{"run", keep}, {"collection", restore.collection}, {"document", id}};
          kept.push_back({{"_id", record_id}, {"before", mine}, {"after", merged.document}});
        }
        updates.emplace_back(guard(id, bson::encode(mine), merged.document), bson::encode(merged.document));
      },
      [&](int attempt) {
        // Of one that was changed since, the image is that of then.
        const auto there = mongo.insert(kResidueMembers, kept);
        for (const auto index : attempt > 1 ? there : std::vector<std::size_t>()) {
          mongo.upsert(kResidueMembers, {Document{{"_id", *kept[index].find("_id")}}, kept[index]});
        }
        const auto matched = mongo.replace(restore.collection, updates);
        const bool all = matched == static_cast<std::int64_t>(updates.size());
        kept.clear();
        updates.clear();
        return all;
      });
  if (!restore.forward) restore_indexes(mongo, restore, count);
  return count;
}

MemberCount edited_since(Mongo& mongo, const std::string& run, const std::vector<ops::CollectionWork>& works,
                         const Value& dataset, std::int64_t now_ms) {
  constexpr const char* kWas = "_migrator_was";
  MemberCount count;
  std::map<std::string, std::vector<ops::CollectionWork>> by_collection;
  for (const auto& work : works) by_collection[work.collection].push_back(work);
  for (const auto& [collection, all] : by_collection) {
    const auto there_and_back = ops::back_and_there(all, {dataset, now_ms});
    if (there_and_back.keys.empty()) continue;
    Array differs;
    for (const auto& key : there_and_back.keys) {
      differs.append(expression("$ne", Array{"$" + key, std::string("$") + kWas + "." + key}));
    }
    Array pipeline;
    if (all.front().owner_filter) pipeline.append(Document{{"$match", all.front().filter}});
    pipeline.append(Document{{"$set", Document{{kWas, "$$ROOT"}}}});
    for (const auto& stage : there_and_back.pipeline) pipeline.append(stage);
    pipeline.append(Document{{"$match", Document{{"$expr", expression("$or", std::move(differs))}}}});
    pipeline.append(Document{{"$project", Document{{"_id", 1}}}});

    std::map<std::string, Value> found;
    const auto flush = [&, &collection = collection] {
      Array ids;
      for (const auto& [key, id] : found) {
        ids.append(Document{{"run", run}, {"collection", collection}, {"document", id}});
      }
      FindOptions options;
      options.projection = Document{{"_id", 1}};
      mongo.find(kResidueMembers, Document{{"_id", Document{{"$in", std::move(ids)}}}}, options, [&](bson::View view) {
        const auto record = view.decode();
        if (const auto* id = bson::Path("_id.document").find(record)) found.erase(id_key(*id));
      });
      if (!found.empty() && count.edited == 0) count.example = example_of(collection, found.begin()->second, "");
      count.edited += static_cast<std::int64_t>(found.size());
      found.clear();
    };
    mongo.aggregate(collection, pipeline, [&](bson::View view) {
      auto id = view.get("_id").value_or(Value());
      found.emplace(id_key(id), std::move(id));
      if (found.size() >= kBatch) flush();
    });
    if (!found.empty()) flush();
  }
  return count;
}

}  // namespace fm
