#include "exec/verify.h"

#include <algorithm>
#include <functional>
#include <mutex>
#include <set>

#include "base/error.h"
#include "base/pool.h"
#include "exec/prepare.h"
#include "exec/requirements.h"
#include "exec/verify_collections.h"
#include "exec/verify_database.h"
#include "exec/verify_document.h"

namespace fm {

using bson::Document;
using bson::Value;
using Kind = Problem::Kind;

namespace {

constexpr std::size_t kBatch = 256;

const std::string* name_in(const Document& dataset) {
  const auto* name = dataset.find("name");
  return name ? name->as<std::string>() : nullptr;
}

class Verifier {
 public:
  Verifier(Mongo& mongo, const Catalogue& catalogue, const DatabaseHeads& heads, const VerifySettings& settings)
      : mongo_(mongo),
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
    if (settings_.names.empty()) {
      append(out.problems, config_problems(heads_));
      append(out.problems, clashes(data_));
      if (data_.collections.contains("datasets")) {
        append(out.problems, missing_indexes(mongo_, "datasets", {"name_1", "sample_collection_name_1"}));
      }
      auto others = journal_problems(mongo_, heads_, data_);
      append(others, orphans(data_, used_, unread_));
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

  static Problem problem(Kind kind, std::string where, std::string what, std::string remedy) {
    Problem out;
    out.kind = kind;
    out.where = std::move(where);
    out.what = std::move(what);
    out.remedy = std::move(remedy);
    return out;
  }

  std::vector<Problem> not_read(const std::string& key, Problem why) {
    const std::lock_guard lock(mutex_);
    unread_.insert(key);
    return {std::move(why)};
  }

  std::vector<Problem> problems_of(const Document& document, const std::string& key) {
    const auto* stored = document.find("version");
    const auto* text = stored ? stored->as<std::string>() : nullptr;
    if (stored && !stored->is_null() && !text) {
      return not_read(key, problem(Kind::kDamaged, "version", std::string("a version of type ") + stored->type_name(),
                                   "Set it to the version of the client that wrote the dataset last."));
    }
    if (text && *text == kParkedVersion) {
      const auto way = ways_.find(key);
      return not_read(key, problem(Kind::kHalfWay, "version",
                                   "an interrupted migration" + (way == ways_.end() ? "" : " " + way->second),
                                   "Run `fiftyone-migrator migrate` again: it finishes that run first."));
    }
    const auto version = Version::try_parse(text ? *text : "0.0");
    if (!version) {
      return not_read(key, problem(Kind::kDamaged, "version", "'" + *text + "' is no version",
                                   "Set it to the version of the client that wrote the dataset last."));
    }
    if (version->base() > client_.base()) {
      return not_read(
          key, problem(Kind::kNote, "version", "v" + *text + " is newer than v" + client_.str() + ": not looked at",
                       "Use a newer fiftyone-migrator."));
    }
    auto inspection = inspect(document, *version, requirements_, fetch_);
    auto out = std::move(inspection.problems);
    if (!name_in(document)) {
      out.push_back(problem(Kind::kDamaged, "name", "no name: no client can load it",
                            "Give it a name and migrate it, or delete its document."));
    }
    append(out, references(document, inspection.references));
    append(out, collections(document, *version, inspection.checks));
    for (const auto& pending : shared_) {
      const auto n = pending.count.find(key);
      if (n == pending.count.end() || pending.revision->version.base() > version->base()) continue;
      out.push_back(pending.problem);
      out.back().count = n->second;
    }
    return out;
  }

  std::vector<Problem> references(const Document& document, const std::vector<Reference>& references) {
    std::vector<Problem> out;
    for (const auto& reference : references) {
      if (reference.collection == "fs.files") {
        result(reference, out);
        continue;
      }
      const auto* found = data_.find(reference.collection, reference.id);
      const auto* owner = found ? found->find("_dataset_id") : nullptr;
      if (!found) {
        out.push_back(problem(Kind::kDangling, reference.where,
                              "names a document that is not in " + reference.collection,
                              "Restore it from a backup, or remove the entry with a client."));
      } else if (owner && !(*owner == *document.find("_id"))) {
        out.push_back(problem(Kind::kDamaged, reference.where,
                              "names a document in " + reference.collection + " that belongs to another dataset",
                              "Deleting it here would delete it there."));
      }
    }
    const std::lock_guard lock(mutex_);
    for (const auto& reference : references) used_[reference.collection].insert(id_key(reference.id));
    return out;
  }

  void result(const Reference& reference, std::vector<Problem>& out) const {
    constexpr const char* kRemedy = "Restore fs.files and fs.chunks from a backup, or run the method again.";
    const auto found = data_.files.find(id_key(reference.id));
    if (found == data_.files.end()) {
      out.push_back(problem(Kind::kDangling, reference.where, "results that are not in fs.files", kRemedy));
    } else if (!found->second.whole()) {
      const auto& file = found->second;
      const auto parts =
          std::to_string(file.chunks) + " of " + std::to_string(file.expected_chunks()) + " chunks" +
          (file.bytes < 0 ? "" : ", " + std::to_string(file.bytes) + " of " + std::to_string(file.length) + " bytes");
      out.push_back(problem(Kind::kDamaged, reference.where, "results of which fs.chunks holds " + parts, kRemedy));
    }
  }

  std::vector<Problem> collections(const Document& document, const Version& version,
                                   const std::vector<CollectionCheck>& checks) {
    static const Version kFramesKnowSamples = Version::parse("0.6.2");
    static const Version kModernIndexes = Version::parse("1.0.0");
    std::vector<Problem> out;
    const auto* row = data_.dataset(*document.find("_id"));
    if (!row) return out;  // made while we look
    if (row->samples.empty() || !data_.collections.contains(row->samples)) {
      out.push_back(problem(Kind::kMissing, row->samples.empty() ? "sample_collection_name" : row->samples,
                            "the collection of its samples is not there",
                            "Restore it from a backup, or delete the dataset with a client."));
    }
    const bool frames_exist = !row->frames.empty() && data_.collections.contains(row->frames);
    if (row->clips() && !row->frames.empty() && !frames_exist) {
      out.push_back(problem(Kind::kDangling, "frame_collection_name",
                            "a clips dataset whose source's frames (" + row->frames + ") are gone",
                            "Make the clips again, or delete the dataset with a client."));
    }
    append(out, run_checks(mongo_, checks, data_, settings_.deep));
    const auto owned_frames = row->frames.empty() ? "frames." + row->samples : row->frames;
    const bool has_frames = !row->clips() && data_.collections.contains(owned_frames);
    if (has_frames && version.base() >= kFramesKnowSamples) {
      append(out, frames_without_samples(mongo_, owned_frames, row->samples, settings_.deep));
    }
    if (settings_.deep && version.base() >= kModernIndexes) {
      const std::vector<std::string> times = {"created_at_1", "last_modified_at_1"};
      if (data_.collections.contains(row->samples)) append(out, missing_indexes(mongo_, row->samples, times));
      if (has_frames) {
        append(out, missing_indexes(mongo_, owned_frames,
                                    {"_sample_id_1_frame_number_1", "created_at_1", "last_modified_at_1"}));
      }
    }
    return out;
  }

  Mongo& mongo_;
  Version client_;
  std::vector<Requirement> requirements_;
  const DatabaseHeads& heads_;
  const VerifySettings& settings_;
  SharedData data_;
  std::vector<SharedPending> shared_;
  ops::References::Fetch fetch_;
  std::map<std::string, std::string> ways_;  // by encoded _id

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
