#include "exec/verify_database.h"

#include <algorithm>
#include <array>
#include <functional>

#include "base/version.h"
#include "exec/prepare.h"
#include "exec/verify_document.h"
#include "ops/operation.h"

namespace fm {

using bson::Document;
using bson::Value;
using Kind = Problem::Kind;

namespace {

Problem problem(Kind kind, std::string where, std::string what, std::string remedy, std::int64_t count = 1) {
  Problem out;
  out.kind = kind;
  out.where = std::move(where);
  out.what = std::move(what);
  out.remedy = std::move(remedy);
  out.count = count;
  return out;
}

std::string quoted(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  out.reserve(names.size());
  for (const auto& name : names) out.push_back("'" + name + "'");
  return some_of(out);
}

}  // namespace

std::vector<Problem> config_problems(const DatabaseHeads& heads) {
  // Clients keep the version of the database in it since then.
  static const Version kFirst = Version::parse("0.15.0");
  std::vector<Problem> out;
  if (!heads.stale_configs.empty()) {
    out.push_back(problem(Kind::kDamaged, "config", "several documents where one is expected; the newest counts",
                          "`migrate` keeps the newest and removes the others.",
                          static_cast<std::int64_t>(heads.stale_configs.size()) + 1));
  }
  const auto& database = heads.heads.database;
  if (database && !Version::try_parse(*database)) {
    out.push_back(problem(Kind::kDamaged, "config.version", "'" + *database + "' is no version",
                          "Set it to the version of the client that wrote the database last."));
  }
  const auto stored = [](const DatasetHead& head) {
    const auto version = head.version ? Version::try_parse(*head.version) : std::nullopt;
    return head.version != kParkedVersion && version && version->base() >= kFirst;
  };
  if (!database && std::any_of(heads.heads.datasets.begin(), heads.heads.datasets.end(), stored)) {
    out.push_back(problem(Kind::kMissing, "config.version", "no version of the database is stored",
                          "The next client that connects stores its own; `migrate` does too."));
  }
  return out;
}

std::vector<Problem> journal_problems(Mongo& mongo, const DatabaseHeads& heads, const SharedData& data) {
  std::vector<Problem> out;
  if (!data.collections.contains("migrator.journal")) return out;
  constexpr const char* kGoOn = "Run `fiftyone-migrator migrate` again: it finishes that run first.";
  std::set<std::string> parked;
  for (const auto& head : heads.heads.datasets) {
    if (head.version == kParkedVersion) parked.insert(id_key(head.id));
  }
  mongo.find("migrator.journal", {}, {}, [&](const bson::View& view) {
    const auto document = view.decode();
    const auto text = [&](const char* key) {
      const auto* value = document.find(key);
      const auto* found = value ? value->as<std::string>() : nullptr;
      return found ? *found : std::string("?");
    };
    const auto* id = document.find("_id");
    if (*id == Value("run")) {
      out.push_back(problem(Kind::kHalfWay, "migrator.journal",
                            "a run to v" + text("target") + " was interrupted, or is still going on", kGoOn));
      return;
    }
    const auto* entry = id->as<Document>();
    const auto* dataset = entry ? entry->find("dataset") : nullptr;
    if (!dataset || parked.contains(id_key(*dataset))) return;  // told with the dataset
    auto left = problem(
        Kind::kHalfWay, "migrator.journal",
        "documents that an interrupted run from v" + text("from") + " to v" + text("to") + " was still to delete",
        kGoOn);
    left.dataset = text("name");
    left.dataset_id = *dataset;
    out.push_back(std::move(left));
  });
  return out;
}

std::vector<Problem> clashes(const SharedData& data) {
  using Of = std::function<std::string(const DatasetRow&)>;
  struct Unique {
    const char* where;
    const char* what;
    const char* remedy;
    Of of;
  };
  const std::array<Unique, 4> kUnique = {{
      {"datasets.name", "one name for several datasets", "Rename all but one of them.",
       [](const DatasetRow& row) { return row.name.value_or(""); }},
      {"datasets.slug", "one slug for several datasets", "Rename all but one of them with a client.",
       [](const DatasetRow& row) { return row.slug.value_or(""); }},
      {"datasets.sample_collection_name", "one collection for the samples of several datasets",
       "Find out whose samples they are before you delete any of these datasets.",
       [](const DatasetRow& row) { return row.samples; }},
      {"datasets.frame_collection_name", "one collection for the frames of several datasets",
       "Find out whose frames they are before you delete any of these datasets.",
       [](const DatasetRow& row) { return row.clips() ? "" : row.frames; }},
  }};
  std::vector<Problem> out;
  for (const auto& unique : kUnique) {
    std::map<std::string, std::vector<std::string>> names;
    for (const auto& row : data.datasets) {
      if (auto value = unique.of(row); !value.empty()) {
        names[std::move(value)].push_back(row.name.value_or("(no name)"));
      }
    }
    for (const auto& [value, datasets] : names) {
      if (datasets.size() == 1) continue;
      out.push_back(problem(Kind::kDamaged, unique.where,
                            std::string(unique.what) + ": '" + value + "', of " + quoted(datasets), unique.remedy,
                            static_cast<std::int64_t>(datasets.size())));
    }
  }
  return out;
}

std::vector<Problem> orphans(const SharedData& data, const UsedIds& used, const std::set<std::string>& unread) {
  std::vector<Problem> out;
  const auto is_used = [&](const std::string& collection, const std::string& key) {
    const auto known = used.find(collection);
    return known != used.end() && known->second.contains(key);
  };
  for (const auto& [collection, documents] : data.documents) {
    std::int64_t strangers = 0;
    std::map<std::size_t, std::int64_t> forgotten;  // by dataset
    for (const auto& [key, document] : documents) {
      if (is_used(collection, key)) continue;
      const auto* owner = document.find("_dataset_id");
      const auto* row = owner ? data.dataset(*owner) : nullptr;
      if (!row) {
        ++strangers;
      } else if (!unread.contains(id_key(row->id))) {
        ++forgotten[static_cast<std::size_t>(row - data.datasets.data())];
      }
    }
    if (strangers > 0) {
      out.push_back(problem(Kind::kOrphan, collection, "documents of no dataset",
                            "Left behind by a deleted dataset or an interrupted migration; they do no harm.",
                            strangers));
    }
    for (const auto& [index, n] : forgotten) {
      const auto& row = data.datasets[index];
      auto one = problem(Kind::kOrphan, collection, "documents that name this dataset, which does not name them",
                         "Left behind by an interrupted migration; they do no harm.", n);
      one.dataset = row.name.value_or("(no name)");
      one.dataset_id = row.id;
      out.push_back(std::move(one));
    }
  }
  std::set<std::string> named;
  for (const auto& row : data.datasets) {
    named.insert({row.samples, row.frames, "frames." + row.samples});
  }
  for (const auto& collection : data.collections) {
    const auto has = [&](const char* prefix) { return collection.starts_with(prefix); };
    if (named.contains(collection) || !(has("samples.") || has("frames.") || has("patches.") || has("clips."))) {
      continue;
    }
    out.push_back(problem(Kind::kOrphan, collection, "samples or frames of no dataset",
                          "Left behind by a deleted dataset; drop the collection if nobody misses it."));
  }
  std::int64_t files = 0;
  for (const auto& file : data.files) files += is_used("fs.files", file.first) ? 0 : 1;
  if (files > 0 && unread.empty()) {
    out.push_back(problem(Kind::kNote, "fs.files", "files that no run names as its results",
                          "The original leaves some behind when it goes down; they do no harm.", files));
  }
  return out;
}

std::vector<SharedPending> pending_in_shared(Mongo& mongo, const Catalogue& catalogue, const SharedData& data) {
  std::vector<SharedPending> out;
  for (const auto& revision : catalogue.datasets) {
    for (const auto& step : revision.up) {
      const auto* rename = std::get_if<ops::Rename>(&step.operation);
      const auto& target = step.target;
      if (!rename || target.kind != ops::Target::Kind::kOwned || !data.collections.contains(target.collection)) {
        continue;
      }
      Document filter{{rename->from.str(), Document{{"$exists", true}}},
                      {rename->to.str(), Document{{"$exists", false}}}};
      if (auto query = target.filter.query(); query && !query->empty()) {
        filter = Document{{"$and", bson::Array{std::move(filter), std::move(*query)}}};
      }
      SharedPending pending{&revision,
                            problem(Kind::kPending, target.collection,
                                    "documents that revision " + revision.text + " has not reached: they hold " +
                                        rename->from.str() + ", not " + rename->to.str(),
                                    "An older client may have written them since."),
                            {}};
      pending.problem.repair = "move " + rename->from.str() + " to " + rename->to.str();
      FindOptions options;
      options.projection = Document{{target.owner_key, 1}};
      mongo.find(target.collection, filter, options, [&](const bson::View& view) {
        if (const auto owner = view.get(target.owner_key)) ++pending.count[id_key(*owner)];
      });
      if (!pending.count.empty()) out.push_back(std::move(pending));
    }
  }
  return out;
}

}  // namespace fm
