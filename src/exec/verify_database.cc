#include "exec/verify_database.h"

#include <algorithm>
#include <array>
#include <functional>
#include <set>

#include "base/version.h"
#include "exec/give_back.h"
#include "exec/prepare.h"
#include "exec/restore_mark.h"
#include "exec/unfinished.h"
#include "exec/verify_document.h"
#include "ops/naming.h"
#include "ops/operation.h"

namespace fm {

using bson::Document;
using bson::Value;

namespace {

std::string quoted(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  out.reserve(names.size());
  for (const auto& name : names) out.push_back("'" + name + "'");
  return some_of(out);
}

constexpr const char* kFinishRun = "finish that run first";

// Each gets the slug of its own name, if that leaves no two with one slug.
void part_slugs(Problem& problem, const std::string& slug, const std::vector<const DatasetRow*>& datasets,
                const SharedData& data) {
  std::multiset<std::string> taken;
  for (const auto& row : data.datasets) taken.insert(row.slug.value_or(""));
  Mend mend;
  std::size_t stay = 0;
  for (const auto* row : datasets) {
    const auto own = row->name ? ops::slugify(*row->name) : std::string();
    if (own == slug) {
      ++stay;
      continue;
    }
    if (own.empty() || taken.contains(own)) return;
    taken.insert(own);
    mend.datasets.push_back({row->id, [name = *row->name, slug, own](Document& dataset, ops::Context&) {
                               auto* now = dataset.find("slug");
                               const auto* called = dataset.find("name");
                               if (now && *now == Value(slug) && called && *called == Value(name)) *now = own;
                             }});
  }
  if (stay > 1) return;
  problem.repair = "give each the slug of its own name";
  problem.mend = std::move(mend);
}

}  // namespace

std::vector<Problem> config_problems(const DatabaseHeads& heads) {
  // Clients keep the version of the database in it since then.
  static const Version kFirst = Version::parse("0.15.0");
  std::vector<Problem> out;
  if (!heads.stale_configs.empty()) {
    out.push_back(problem_of("several-configs", "config", "several documents where one is expected; the newest counts",
                             "`migrate` keeps the newest and removes the others.",
                             static_cast<std::int64_t>(heads.stale_configs.size()) + 1));
    out.back().repair = "keep the newest";
    for (const auto& id : heads.stale_configs) out.back().mend.removals.push_back({"config", id});
  }
  const auto& database = heads.heads.database;
  if (database && !Version::try_parse(*database)) {
    out.push_back(problem_of("database-version-damaged", "config.version", "'" + *database + "' is no version",
                             "Set it to the version of the client that wrote the database last."));
  }
  const auto stored = [](const DatasetHead& head) {
    const auto version = head.version ? Version::try_parse(*head.version) : std::nullopt;
    return head.version != kParkedVersion && version && version->base() >= kFirst;
  };
  if (!database && std::any_of(heads.heads.datasets.begin(), heads.heads.datasets.end(), stored)) {
    out.push_back(problem_of("database-version-missing", "config.version", "no version of the database is stored",
                             "The next client that connects stores its own; `migrate` does too."));
  }
  return out;
}

std::vector<Problem> journal_problems(Mongo& mongo, const DatabaseHeads& heads, const SharedData& data) {
  std::vector<Problem> out;
  if (data.collections.contains(kRestoreMark)) {
    if (const auto mark = RestoreMark::read(mongo)) {
      out.push_back(problem_of("restore-interrupted", kRestoreMark, mark->text(), mark->remedy()));
    }
  }
  if (!data.collections.contains("migrator.journal")) return out;
  constexpr const char* kGoOn = "Run `fiftyone-migrator migrate` again: it finishes that run first.";
  std::set<std::string> parked;
  for (const auto& head : heads.heads.datasets) {
    if (head.version == kParkedVersion) parked.insert(id_key(head.id));
  }
  const auto left = unfinished_run(mongo);
  const std::string repair = left ? kFinishRun : "";
  mongo.find("migrator.journal", {}, {}, [&](const bson::View& view) {
    const auto document = view.decode();
    const auto text = [&](const char* key) {
      const auto* value = document.find(key);
      const auto* found = value ? value->as<std::string>() : nullptr;
      return found ? *found : std::string("?");
    };
    const auto* id = document.find("_id");
    if (*id == Value("run")) {
      if (left) {
        out.push_back(problem_of("run-interrupted", "migrator.journal",
                                 left->text() + (left->at_work ? ", is at work" : ", was interrupted"),
                                 left->remedy()));
      } else {
        out.push_back(problem_of("run-interrupted", "migrator.journal",
                                 about_target(text("target")) + " was interrupted, and its journal cannot be read",
                                 "The next `fiftyone-migrator migrate` replaces it."));
      }
      out.back().repair = repair;
      return;
    }
    const auto* entry = id->as<Document>();
    const auto* dataset = entry ? entry->find("dataset") : nullptr;
    if (!dataset || parked.contains(id_key(*dataset))) return;  // told with the dataset
    auto one = problem_of(
        "deletes-left", "migrator.journal",
        "documents that an interrupted run from v" + text("from") + " to v" + text("to") + " was still to delete",
        kGoOn);
    one.dataset = text("name");
    one.dataset_id = *dataset;
    one.repair = repair;
    out.push_back(std::move(one));
  });
  return out;
}

std::vector<Problem> clashes(const SharedData& data) {
  using Of = std::function<std::string(const DatasetRow&)>;
  struct Unique {
    const char* code;
    const char* where;
    const char* what;
    const char* remedy;
    Of of;
  };
  const std::array<Unique, 4> kUnique = {{
      {"name-clash", "datasets.name", "one name for several datasets", "Rename all but one of them.",
       [](const DatasetRow& row) { return row.name.value_or(""); }},
      {"slug-clash", "datasets.slug", "one slug for several datasets", "Rename all but one of them with a client.",
       [](const DatasetRow& row) { return row.slug.value_or(""); }},
      {"collection-clash", "datasets.sample_collection_name", "one collection for the samples of several datasets",
       "Find out whose samples they are before you delete any of these datasets.",
       [](const DatasetRow& row) { return row.samples; }},
      {"collection-clash", "datasets.frame_collection_name", "one collection for the frames of several datasets",
       "Find out whose frames they are before you delete any of these datasets.",
       [](const DatasetRow& row) { return row.clips() ? "" : row.frames; }},
  }};
  std::vector<Problem> out;
  for (const auto& unique : kUnique) {
    std::map<std::string, std::vector<const DatasetRow*>> rows;
    for (const auto& row : data.datasets) {
      if (auto value = unique.of(row); !value.empty()) rows[std::move(value)].push_back(&row);
    }
    for (const auto& [value, datasets] : rows) {
      if (datasets.size() == 1) continue;
      std::vector<std::string> names;
      for (const auto* row : datasets) names.push_back(row->name.value_or("(no name)"));
      out.push_back(problem_of(unique.code, unique.where,
                               std::string(unique.what) + ": '" + value + "', of " + quoted(names), unique.remedy,
                               static_cast<std::int64_t>(datasets.size())));
      if (unique.code == std::string_view("slug-clash")) part_slugs(out.back(), value, datasets, data);
    }
  }
  return out;
}

std::vector<Problem> import_notes(Mongo& mongo, const SharedData& data, UsedIds& used, std::set<std::string>& staged) {
  std::vector<Problem> out;
  if (!data.collections.contains(kImports)) return out;
  for (const auto& one : unfinished_imports(mongo)) {
    staged.insert(one.collections.begin(), one.collections.end());
    for (const auto& [collection, id] : one.documents) ++used[collection][id_key(id)];
    out.push_back(problem_of("import-unfinished", kImports,
                             one.text() + (one.at_work ? ", which is at work" : ", which has not ended"),
                             one.remedy()));
  }
  return out;
}

std::vector<Problem> orphans(const SharedData& data, const UsedIds& used, const std::set<std::string>& unread,
                             const std::set<std::string>& staged) {
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
      out.push_back(problem_of("documents-orphaned", collection, "documents of no dataset",
                               "Left behind by a deleted dataset or an interrupted migration; they do no harm.",
                               strangers));
    }
    for (const auto& [index, n] : forgotten) {
      const auto& row = data.datasets[index];
      auto one =
          problem_of("documents-orphaned", collection, "documents that name this dataset, which does not name them",
                     "Left behind by an interrupted migration; they do no harm.", n);
      one.dataset = row.name.value_or("(no name)");
      one.dataset_id = row.id;
      out.push_back(std::move(one));
    }
  }
  auto named = staged;
  for (const auto& row : data.datasets) {
    named.insert({row.samples, row.frames, "frames." + row.samples});
  }
  for (const auto& collection : data.collections) {
    const auto has = [&](const char* prefix) { return collection.starts_with(prefix); };
    if (named.contains(collection) || !(has("samples.") || has("frames.") || has("patches.") || has("clips."))) {
      continue;
    }
    out.push_back(problem_of("collection-orphaned", collection, "samples or frames of no dataset",
                             "Left behind by a deleted dataset; drop the collection if nobody misses it."));
  }
  std::int64_t files = 0;
  for (const auto& file : data.files) files += is_used("fs.files", file.first) ? 0 : 1;
  if (files > 0 && unread.empty()) {
    out.push_back(problem_of("files-orphaned", "fs.files", "files that no run names as its results",
                             "The original leaves some behind when it goes down; they do no harm.", files));
  }
  return out;
}

Problem SharedPending::of(const Value& dataset, std::int64_t n) const {
  auto out = problem;
  out.count = n;
  out.mend.members.push_back(
      {problem.where, Document{{"$and", bson::Array{Document{{owner_key, dataset}}, filter}}}, edit});
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
                            problem_of("documents-pending", target.collection,
                                       "documents that revision " + revision.text + " has not reached: they hold " +
                                           rename->from.str() + ", not " + rename->to.str(),
                                       "An older client may have written them since."),
                            {}};
      pending.problem.repair = "move " + rename->from.str() + " to " + rename->to.str();
      pending.owner_key = target.owner_key;
      pending.filter = filter;
      pending.edit = [step](Document& member) {
        static const ops::IdGenerator kNoIds(0, "");
        ops::Context context({}, 0, kNoIds, nullptr);
        context.record_displaced = false;
        ops::apply_to_member(step, member, context);
      };
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

std::vector<Problem> waiting_notes(Mongo& mongo, const DatabaseHeads& heads) {
  std::vector<Problem> out;
  for (const auto& one : waiting(mongo, heads.heads)) {
    out.push_back(problem_of("values-waiting", kResidue,
                             "values that came in " + some_of(one.revisions) +
                                 " wait in the undo log: another client took the dataset up, or they were edited",
                             "`residue apply --dry-run` says what would come back."));
    out.back().dataset = one.name;
    out.back().dataset_id = one.id;
  }
  return out;
}

}  // namespace fm
