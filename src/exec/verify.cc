#include "exec/verify.h"

#include <algorithm>
#include <functional>
#include <mutex>
#include <set>

#include "base/error.h"
#include "base/pool.h"
#include "exec/batch_size.h"
#include "exec/journal.h"
#include "exec/prepare.h"
#include "exec/requirements.h"
#include "exec/verify_collections.h"
#include "exec/verify_database.h"
#include "exec/verify_document.h"
#include "exec/verify_references.h"
#include "exec/verify_version.h"
#include "ops/naming.h"

namespace fm {

using bson::Document;
using bson::Value;

namespace {

// As clients make them.
Document index_of(std::initializer_list<const char*> keys, bool unique) {
  Document key;
  std::string name;
  for (const auto* one : keys) {
    key.append(one, 1);
    name += (name.empty() ? "" : "_") + std::string(one) + "_1";
  }
  Document out{{"key", std::move(key)}, {"name", std::move(name)}};
  if (unique) out.append("unique", true);
  return out;
}

const Document kFrameIndex = index_of({"_sample_id", "frame_number"}, true);
const std::vector<Document> kTimeIndexes = {index_of({"created_at"}, false), index_of({"last_modified_at"}, false)};
// With the options that mongoengine spells out.
const std::vector<Document> kDatasetIndexes = [] {
  std::vector<Document> out = {index_of({"name"}, true), index_of({"sample_collection_name"}, true)};
  for (auto& index : out) {
    index.append("background", false);
    index.append("sparse", false);
  }
  return out;
}();

const std::string* name_in(const Document& dataset) {
  const auto* name = dataset.find("name");
  return name ? name->as<std::string>() : nullptr;
}

class Verifier {
 public:
  Verifier(Mongo& mongo, const Catalogue& catalogue, const DatabaseHeads& heads, const VerifySettings& settings)
      : mongo_(mongo),
        catalogue_(catalogue),
        client_(Version::parse(catalogue.client)),
        requirements_(requirements(catalogue)),
        heads_(heads),
        settings_(settings),
        data_(read_shared_data(mongo, settings.deep)),
        shared_(pending_in_shared(mongo, catalogue, data_)) {
    fetch_ = [this](const std::string& collection, const Value& id) {
      const auto* found = data_.find(collection, id);
      return found ? std::optional(*found) : std::nullopt;
    };
    if (data_.collections.contains("migrator.journal")) read_ways();
  }

  VerifyReport run() {
    VerifyReport out;
    auto of_datasets = datasets(out.datasets);
    settle_shared(of_datasets, used_, settings_.names.empty() && unread_.empty());
    if (settings_.names.empty()) {
      append(out.problems, config_problems(heads_));
      append(out.problems, clashes(data_));
      if (data_.collections.contains("datasets")) {
        append(out.problems, missing_indexes(mongo_, "datasets", kDatasetIndexes));
      }
      auto others = journal_problems(mongo_, heads_, data_);
      std::set<std::string> staged;
      append(others, import_notes(mongo_, data_, used_, staged));
      append(others, orphans(data_, used_, unread_, staged));
      append(others, waiting_notes(mongo_, heads_));
      for (auto& one : others) (one.dataset.empty() ? out.problems : of_datasets).push_back(std::move(one));
      const auto place = [&](const Problem& one) {
        const auto found = data_.dataset_of.find(id_key(one.dataset_id));
        return found == data_.dataset_of.end() ? data_.datasets.size() : found->second;
      };
      std::stable_sort(of_datasets.begin(), of_datasets.end(),
                       [&](const Problem& a, const Problem& b) { return place(a) < place(b); });
    }
    append(out.problems, std::move(of_datasets));
    return out;
  }

 private:
  static void append(std::vector<Problem>& out, std::vector<Problem> more) {
    std::move(more.begin(), more.end(), std::back_inserter(out));
  }

  // What the journal says about parked datasets.
  void read_ways() {
    run_known_ = Journal(mongo_).unfinished().has_value();
    mongo_.find("migrator.journal", Document{{"_id.dataset", Document{{"$exists", true}}}}, {},
                [&](const bson::View& view) {
                  const auto document = view.decode();
                  const auto* dataset = bson::Path("_id.dataset").find(document);
                  const auto text = [&](const char* key) {
                    const auto* value = document.find(key);
                    const auto* found = value ? value->as<std::string>() : nullptr;
                    return found ? *found : std::string("?");
                  };
                  ways_[id_key(*dataset)] = "from v" + text("from") + " to v" + text("to");
                });
  }

  Document filter() const {
    if (settings_.names.empty()) return {};
    bson::Array names;
    for (const auto& name : settings_.names) {
      const auto known = std::any_of(data_.datasets.begin(), data_.datasets.end(),
                                     [&](const DatasetRow& row) { return row.name == name; });
      if (!known) {
        throw Error(Exit::kNotFound, "Dataset '" + name + "' not found", "See 'fiftyone-migrator info'.");
      }
      names.append(name);
    }
    return {{"name", Document{{"$in", std::move(names)}}}};
  }

  std::vector<Problem> datasets(std::size_t& looked_at) {
    std::vector<Problem> out;
    std::vector<bson::Bytes> batch;
    const auto flush = [&] {
      std::vector<std::vector<Problem>> found(batch.size());
      parallel_for(settings_.jobs, batch.size(),
                   [&](std::size_t i, std::size_t) { found[i] = dataset(batch[i].decode()); });
      for (auto& one : found) append(out, std::move(one));
      looked_at += batch.size();
      batch.clear();
    };
    mongo_.find("datasets", filter(), {}, [&](const bson::View& view) {
      batch.push_back(view.copy());
      if (batch.size() == kBatch) flush();
    });
    flush();
    return out;
  }

  std::vector<Problem> dataset(const Document& document) {
    const auto* id = document.find("_id");
    const auto key = id_key(*id);
    auto out = problems_of(document, key);
    const auto* name = name_in(document);
    for (auto& one : out) {
      one.dataset = name ? *name : "(no name)";
      one.dataset_id = *id;
    }
    return out;
  }

  std::vector<Problem> not_read(const std::string& key, Problem why) {
    const std::lock_guard lock(mutex_);
    unread_.insert(key);
    return {std::move(why)};
  }

  // Sets the version, where the content says which.
  void mend_version(Problem& problem, const Document& document) {
    if (!document.find("_id")) return;
    const auto version =
        proven_version(mongo_, catalogue_, requirements_, data_, document, heads_.heads.database, fetch_);
    if (!version) return;
    problem.repair = "set it to " + *version;
    problem.mend.datasets.push_back(
        {*document.find("_id"), [seen = document, version = *version](Document& dataset, ops::Context&) {
           if (dataset == seen) set_version(dataset, version);
         }});
  }

  std::vector<Problem> damaged_version(const Document& document, const std::string& key, std::string what) {
    auto problem = problem_of("version-damaged", "version", std::move(what),
                              "Set it to the version of the client that wrote the dataset last.");
    mend_version(problem, document);
    return not_read(key, std::move(problem));
  }

  std::vector<Problem> problems_of(const Document& document, const std::string& key) {
    const auto* stored = document.find("version");
    const auto* text = stored ? stored->as<std::string>() : nullptr;
    if (stored && !stored->is_null() && !text) {
      return damaged_version(document, key, std::string("a version of type ") + stored->type_name());
    }
    if (text && *text == kParkedVersion) {
      const auto way = ways_.find(key);
      auto problem = problem_of("dataset-parked", "version",
                                "an interrupted migration" + (way == ways_.end() ? "" : " " + way->second),
                                "Run `fiftyone-migrator migrate` again: it finishes that run first.");
      if (run_known_ && way != ways_.end()) problem.repair = "finish that run first";
      return not_read(key, std::move(problem));
    }
    const auto version = Version::try_parse(text ? *text : "0.0");
    if (!version) return damaged_version(document, key, "'" + *text + "' is no version");
    if (version->base() > client_.base()) {
      return not_read(key, problem_of("version-newer", "version",
                                      "v" + *text + " is newer than v" + client_.str() + ": not looked at",
                                      "Use a newer fiftyone-migrator."));
    }
    auto inspection = inspect(document, *version, requirements_, fetch_);
    auto out = std::move(inspection.problems);
    // What a document declares is not added to while it cannot be read.
    const bool readable =
        std::none_of(out.begin(), out.end(), [](const Problem& problem) { return problem.code == "fields-missing"; });
    for (auto& problem : out) {
      if (!readable) {
        problem.mend = {};
        problem.repair.clear();
        continue;
      }
      if (problem.code == "version-older") mend_version(problem, document);
      if (problem.code == "revision-pending") check_slug(problem, document);
    }
    if (!name_in(document)) {
      out.push_back(problem_of("name-missing", "name", "no name: no client can load it",
                               "Give it a name and migrate it, or delete its document."));
    }
    append(out, reference_problems(mongo_, document, inspection.references, data_));
    append(out, label_problems(inspection.references, data_));
    {
      const std::lock_guard lock(mutex_);
      std::set<std::pair<std::string, std::string>> own;
      for (const auto& reference : inspection.references) own.emplace(reference.collection, id_key(reference.id));
      for (const auto& [collection, id] : own) ++used_[collection][id];
    }
    append(out, collections(document, *version, inspection.checks));
    for (const auto& pending : shared_) {
      const auto n = pending.count.find(key);
      if (n == pending.count.end() || pending.revision->version.base() > version->base()) continue;
      out.push_back(pending.of(*document.find("_id"), n->second));
    }
    return out;
  }

  // A slug that another dataset has is not made a second time.
  void check_slug(Problem& problem, const Document& document) const {
    const auto* name = name_in(document);
    if (document.has("slug") || problem.mend.empty()) return;
    const auto slug = name ? ops::slugify(*name) : std::string();
    const bool is_free = !slug.empty() && std::none_of(data_.datasets.begin(), data_.datasets.end(),
                                                       [&](const DatasetRow& row) { return row.slug == slug; });
    if (is_free) return;
    auto mended = document;
    const ops::IdGenerator no_ids(0, "");
    ops::Context context(*document.find("_id"), 0, no_ids, fetch_);
    context.record_displaced = false;
    if (name) context.naming = ops::Naming{*name, slug, {}};
    problem.mend.datasets.front().edit(mended, context);
    if (!mended.has("slug")) return;
    problem.mend = {};
    problem.repair.clear();
  }

  std::vector<Problem> collections(const Document& document, const Version& version,
                                   const std::vector<CollectionCheck>& checks) {
    static const Version kFramesKnowSamples = Version::parse("0.6.2");
    static const Version kModernIndexes = Version::parse("1.0.0");
    std::vector<Problem> out;
    const auto* row = data_.dataset(*document.find("_id"));
    if (!row) return out;  // made while we look
    if (row->samples.empty() || !data_.collections.contains(row->samples)) {
      out.push_back(problem_of("samples-missing", row->samples.empty() ? "sample_collection_name" : row->samples,
                               "the collection of its samples is not there",
                               "Restore it from a backup, or delete the dataset with a client."));
    }
    const bool frames_exist = !row->frames.empty() && data_.collections.contains(row->frames);
    if (row->clips() && !row->frames.empty() && !frames_exist) {
      out.push_back(problem_of("clips-source-gone", "frame_collection_name",
                               "a clips dataset whose source's frames (" + row->frames + ") are gone",
                               "Make the clips again, or delete the dataset with a client."));
    }
    const auto owned_frames = row->frames.empty() ? "frames." + row->samples : row->frames;
    for (const auto& one : {row->samples, row->clips() ? "" : owned_frames}) {
      if (!data_.views.contains(one)) continue;
      out.push_back(problem_of("collection-is-view", one, "a view, where a collection of the dataset should be",
                               "Drop the view and give the collection that it shows this name."));
    }
    append(out, run_checks(mongo_, checks, data_, settings_.deep));
    for (auto& problem : out) {
      const auto in_view = [&](const Mend::OfMembers& members) { return data_.views.contains(members.collection); };
      if (std::ranges::none_of(problem.mend.members, in_view)) continue;
      problem.mend = {};
      problem.repair.clear();
    }
    const bool has_frames = !row->clips() && data_.collections.contains(owned_frames);
    if (has_frames && version.base() >= kFramesKnowSamples) {
      append(out, frames_without_samples(mongo_, owned_frames, row->samples, settings_.deep));
    }
    if (settings_.deep && version.base() >= kModernIndexes) {
      const auto has_indexes = [&](const std::string& name) {
        return data_.collections.contains(name) && !data_.views.contains(name);
      };
      if (has_indexes(row->samples)) append(out, missing_indexes(mongo_, row->samples, kTimeIndexes));
      if (has_frames && has_indexes(owned_frames)) {
        auto expected = kTimeIndexes;
        expected.insert(expected.begin(), kFrameIndex);
        append(out, missing_indexes(mongo_, owned_frames, expected));
      }
    }
    return out;
  }

  Mongo& mongo_;
  const Catalogue& catalogue_;
  Version client_;
  std::vector<Requirement> requirements_;
  const DatabaseHeads& heads_;
  const VerifySettings& settings_;
  SharedData data_;
  std::vector<SharedPending> shared_;
  ops::References::Fetch fetch_;
  std::map<std::string, std::string> ways_;  // by encoded _id
  bool run_known_ = false;                   // the journal's run can be gone on with

  std::mutex mutex_;  // of what datasets add
  UsedIds used_;
  std::set<std::string> unread_;
};

}  // namespace

VerifyReport verify(Mongo& mongo, const Catalogue& catalogue, const DatabaseHeads& heads,
                    const VerifySettings& settings) {
  return Verifier(mongo, catalogue, heads, settings).run();
}

}  // namespace fm
