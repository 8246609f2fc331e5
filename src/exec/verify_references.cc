#include "exec/verify_references.h"

#include <algorithm>
#include <array>
#include <set>

#include "exec/prepare.h"
#include "exec/residue.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

// Taken out by key from a mapping, by value from a list.
void drop(Document& dataset, const Reference& reference) {
  for (auto& [key, value] : dataset) {
    if (auto* mapping = value.as<Document>(); mapping && reference.where.starts_with(key + ".")) {
      const auto name = reference.where.substr(key.size() + 1);
      const auto* id = mapping->find(name);
      if (id && *id == reference.id) mapping->take(name);
    } else if (auto* list = value.as<Array>(); list && reference.where.starts_with(key + ".")) {
      for (std::size_t i = list->size(); i > 0; --i) {
        if ((*list)[i - 1] == reference.id) list->take(i - 1);
      }
    }
  }
}

// A run that a migration or another repair holds as it was.
bool in_undo_log(Mongo& mongo, const SharedData& data, const Value& id) {
  if (!data.collections.contains(kResidue)) return false;
  FindOptions options;
  options.projection = Document{{"_id", 1}};
  const Document in_image{{"others.document._id", id}};
  const Document as_member{{"_id.document", id}, {"before", Document{{"$exists", true}}}};
  return mongo.find_one(kResidue, in_image, options) || mongo.find_one(kResidueMembers, as_member, options);
}

class References {
 public:
  References(Mongo& mongo, const Document& dataset, const SharedData& data)
      : mongo_(mongo), id_(*dataset.find("_id")), data_(data) {}

  void look_at(const Reference& reference) {
    if (reference.collection == "fs.files") {
      result(reference);
      return;
    }
    const auto* found = data_.find(reference.collection, reference.id);
    const auto* owner = found ? found->find("_dataset_id") : nullptr;
    if (!found) {
      gone(reference);
    } else if (owner && !(*owner == id_)) {
      shared(reference, *owner);
    }
  }
  std::vector<Problem> take() { return std::move(problems_); }

 private:
  void gone(const Reference& reference) {
    auto problem =
        problem_of("reference-gone", reference.where, "names a document that is not in " + reference.collection,
                   "Restore it from a backup, or remove the entry with a client.");
    if (in_undo_log(mongo_, data_, reference.id)) {
      problem.remedy = "The undo log holds that document: `undo` of the run that removed it brings it back.";
    } else {
      problem.repair = "drop the reference";
      problem.mend.datasets.push_back({id_, [reference](Document& dataset, ops::Context& context) {
                                         if (context.references.find(reference.collection, reference.id)) return;
                                         drop(dataset, reference);
                                       }});
    }
    problems_.push_back(std::move(problem));
  }

  void shared(const Reference& reference, const Value& owner) {
    auto problem = problem_of("reference-shared", reference.where,
                              "names a document in " + reference.collection + " that belongs to another dataset",
                              "Deleting it here would delete it there.");
    problem.repair = "make it name this dataset, the only one that uses it";
    problem.mend.datasets.push_back({id_, [reference, owner](Document& dataset, ops::Context& context) {
                                       const auto* found = context.references.find(reference.collection, reference.id);
                                       const auto* now = found ? found->find("_dataset_id") : nullptr;
                                       if (!now || !(*now == owner)) return;
                                       auto mended = *found;
                                       mended.set("_dataset_id", *dataset.find("_id"));
                                       context.references.replace(reference.collection, reference.id,
                                                                  std::move(mended));
                                     }});
    problem.used = {reference.collection, id_key(reference.id)};
    problems_.push_back(std::move(problem));
  }

  void result(const Reference& reference) {
    constexpr const char* kRemedy = "Restore fs.files and fs.chunks from a backup, or run the method again.";
    const auto found = data_.files.find(id_key(reference.id));
    if (found == data_.files.end()) {
      auto problem = problem_of("results-gone", reference.where, "results that are not in fs.files", kRemedy);
      if (has_chunks(mongo_, reference.id)) {
        problem.remedy = "fs.chunks still holds their bytes: restore fs.files from a backup, or run the method again.";
      } else {
        problem.repair = "set the results to null";
        problem.mend.datasets.push_back({id_, [reference, &mongo = mongo_](Document& dataset, ops::Context& context) {
                                           forget_results(mongo, reference, dataset, context);
                                         }});
      }
      problems_.push_back(std::move(problem));
    } else if (!found->second.whole()) {
      const auto& file = found->second;
      const auto parts =
          std::to_string(file.chunks) + " of " + std::to_string(file.expected_chunks()) + " chunks" +
          (file.bytes < 0 ? "" : ", " + std::to_string(file.bytes) + " of " + std::to_string(file.length) + " bytes");
      problems_.push_back(
          problem_of("results-cut", reference.where, "results of which fs.chunks holds " + parts, kRemedy));
    }
  }

  static bool has_chunks(Mongo& mongo, const Value& file) {
    FindOptions options;
    options.projection = Document{{"_id", 1}};
    return mongo.find_one("fs.chunks", Document{{"files_id", file}}, options).has_value();
  }

  // "evaluations.eval.results": of a run in `runs`, or up to 0.18 in the dataset.
  static void forget_results(Mongo& mongo, const Reference& reference, Document& dataset, ops::Context& context) {
    if (mongo.find_one("fs.files", Document{{"_id", reference.id}}) || has_chunks(mongo, reference.id)) return;
    const auto forget = [&](Document& run) {
      auto* results = run.find("results");
      if (!results || !(*results == reference.id)) return false;
      *results = Value();
      return true;
    };
    for (auto& [key, value] : dataset) {
      auto* mapping = value.as<Document>();
      if (!mapping || !reference.where.starts_with(key + ".")) continue;
      for (auto& [name, entry] : *mapping) {
        if (reference.where != key + "." + name + ".results") continue;
        if (auto* run = entry.as<Document>()) {
          forget(*run);
        } else if (const auto* found = context.references.find("runs", entry)) {
          auto mended = *found;
          if (forget(mended)) context.references.replace("runs", entry, std::move(mended));
        }
      }
    }
  }

  Mongo& mongo_;
  const Value& id_;
  const SharedData& data_;
  std::vector<Problem> problems_;
};

}  // namespace

std::vector<Problem> reference_problems(Mongo& mongo, const Document& dataset, const std::vector<Reference>& references,
                                        const SharedData& data) {
  References out(mongo, dataset, data);
  for (const auto& reference : references) out.look_at(reference);
  return out.take();
}

std::vector<Problem> label_problems(const std::vector<Reference>& references, const SharedData& data) {
  struct Kind {
    const char* field;
    const char* collection;
    const char* what;
  };
  struct Sort {
    const char* what;
    std::string Label::*of;
  };
  constexpr std::array<Kind, 2> kKinds = {
      {{"saved_views", "views", "saved views"}, {"workspaces", "workspaces", "workspaces"}}};
  constexpr std::array<Sort, 2> kSorts = {{{"name", &Label::name}, {"slug", &Label::slug}}};
  std::vector<Problem> out;
  for (const auto& kind : kKinds) {
    const auto labels = data.labels.find(kind.collection);
    if (labels == data.labels.end()) continue;
    std::set<std::string> ids;  // a document that is named twice clashes with nothing
    for (const auto& reference : references) {
      if (reference.collection == kind.collection) ids.insert(id_key(reference.id));
    }
    for (const auto& sort : kSorts) {
      std::map<std::string, std::vector<std::string>> names;  // by what they share
      for (const auto& id : ids) {
        const auto label = labels->second.find(id);
        if (label == labels->second.end() || (label->second.*sort.of).empty()) continue;
        names[label->second.*sort.of].push_back("'" + label->second.name + "'");
      }
      for (auto& [shared, all] : names) {
        std::ranges::sort(all);
        // Of one name there is one slug.
        if (all.size() == 1 || (sort.of == &Label::slug && all.front() == all.back())) continue;
        out.push_back(problem_of(
            "label-clash", kind.field,
            std::string("one ") + sort.what + " for several " + kind.what + ": '" + shared + "', of " + some_of(all),
            "Rename all but one of them with a client.", static_cast<std::int64_t>(all.size())));
      }
    }
  }
  return out;
}

void settle_shared(std::vector<Problem>& problems, const UsedIds& used, bool all_read) {
  for (auto& problem : problems) {
    if (problem.used.second.empty()) continue;
    const auto collection = used.find(problem.used.first);
    const auto users = collection == used.end() ? 0 : collection->second.at(problem.used.second);
    if (all_read && users == 1) continue;
    problem.mend = {};
    problem.repair.clear();
  }
}

}  // namespace fm
