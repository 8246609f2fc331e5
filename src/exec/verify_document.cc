#include "exec/verify_document.h"

#include <algorithm>
#include <map>

#include "bson/difference.h"
#include "exec/verify_polylines.h"
#include "ops/naming.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

const std::string kReplay =
    " What is done already is left alone, except that 0.16.1 writes nested field documents anew.";

const std::string* text_in(const Document& doc, std::string_view key) {
  const auto* value = doc.find(key);
  return value ? value->as<std::string>() : nullptr;
}

ops::Context context_for(const Document& dataset, const ops::References::Fetch& fetch) {
  static const ops::IdGenerator kIds(0, "");
  const auto* id = dataset.find("_id");
  ops::Context context(id ? *id : Value(), 0, kIds, fetch);
  context.record_displaced = false;
  if (const auto* name = text_in(dataset, "name")) {
    context.dataset_name = *name;
    context.naming = ops::Naming{*name, ops::slugify(*name), {}};
  }
  return context;
}

std::vector<std::string> paths_of(const std::vector<bson::Difference>& differences) {
  std::vector<std::string> out;
  out.reserve(differences.size());
  for (const auto& one : differences) out.push_back(one.path);
  return out;
}

// What clients themselves leave out, and read as if it were there: empty lists and
// mappings when they import an archive, private fields when they clone a view.
bool clients_leave_out(const bson::Difference& one) {
  if (one.before || !one.after) return false;
  if (const auto* list = one.after->as<Array>()) return list->empty();
  const auto* mapping = one.after->as<Document>();
  if (!mapping) return false;
  const auto* name = text_in(*mapping, "name");
  return mapping->empty() || (name && name->starts_with('_') &&
                              (one.path == "sample_fields." + *name || one.path == "frame_fields." + *name));
}

// Run documents the steps would edit.
std::vector<std::string> edited_runs(const ops::Context& context) {
  std::vector<std::string> out;
  for (const auto& entry : context.references.entries()) {
    if (!entry.before || !entry.after || *entry.before == *entry.after) continue;
    const auto* id = entry.id.as<bson::Oid>();
    out.push_back(entry.collection + (id ? "." + id->hex() : ""));
  }
  return out;
}

// Behind the name of the samples, as clients write it.
void name_frames(Document& dataset, const std::string& frames) {
  const auto* now = text_in(dataset, "frame_collection_name");
  if (now && !now->empty()) return;
  if (dataset.has("frame_collection_name")) {
    dataset.set("frame_collection_name", frames);
  } else {
    const auto samples = dataset.index_of("sample_collection_name");
    dataset.insert(std::min(samples + 1, dataset.size()), "frame_collection_name", frames);
  }
}

// `path` as field_list() makes it: a key, then names of fields and "fields".
Array* list_at(Document& dataset, const std::string& path) {
  Document* inside = &dataset;
  std::size_t begin = 0;
  for (;;) {
    const auto end = path.find('.', begin);
    auto* value = inside->find(path.substr(begin, end == std::string::npos ? end : end - begin));
    auto* list = value ? value->as<Array>() : nullptr;
    if (!list || end == std::string::npos) return list;
    // A name may hold dots: the longest one that fits.
    Document* next = nullptr;
    for (auto& item : *list) {
      auto* field = item.as<Document>();
      const auto* name = field ? text_in(*field, "name") : nullptr;
      const auto step = name ? "." + *name + ".fields" : std::string();
      if (!name || path.compare(end, step.size(), step) != 0) continue;
      const auto after = end + step.size();
      if (after != path.size() && path[after] != '.') continue;
      next = field;
      begin = after - std::string_view("fields").size();
    }
    if (!next) return nullptr;
    inside = next;
  }
}

void remove_equal_fields(Document& dataset, const std::string& path) {
  auto* list = list_at(dataset, path);
  if (!list) return;
  for (std::size_t i = 1; i < list->size();) {
    const auto* field = (*list)[i].as<Document>();
    const bool again = field && std::find(list->begin(), list->begin() + i, (*list)[i]) != list->begin() + i;
    if (again) {
      list->take(i);
    } else {
      ++i;
    }
  }
}

bool applies(const Requirement& requirement, const Version& version) {
  return requirement.revision->version.base() <= version.base();
}

class Inspector {
 public:
  Inspector(const Document& dataset, const Version& version, const std::vector<Requirement>& requirements,
            const ops::References::Fetch& fetch)
      : dataset_(dataset), version_(version), requirements_(requirements), fetch_(fetch) {}

  Inspection run() {
    fields("sample_fields", true);
    fields("frame_fields", false);
    frames_named();
    pending();
    newer();
    references();
    collections();
    return std::move(out_);
  }

 private:
  Problem& add(const char* code, std::string where, std::string what, std::string remedy, std::int64_t count = 1) {
    return out_.problems.emplace_back(problem_of(code, std::move(where), std::move(what), std::move(remedy), count));
  }

  using Edit = std::function<void(Document& dataset, ops::Context& context)>;
  void mend(Problem& problem, std::string repair, Edit edit) const {
    const auto* id = dataset_.find("_id");
    if (!id) return;
    problem.repair = std::move(repair);
    problem.mend.datasets.push_back({*id, std::move(edit)});
  }

  void fields(const char* key, bool needed) {
    const auto* value = dataset_.find(key);
    if (!value || value->is_null()) {
      if (needed) add("fields-missing", key, "no list of fields", "Restore the dataset's document from a backup.");
      return;
    }
    field_list(*value, key);
  }

  void frames_named() {
    static const Version kFirst = Version::parse("0.14.0");
    const auto* media = text_in(dataset_, "media_type");
    const auto* name = text_in(dataset_, "frame_collection_name");
    if (version_.base() < kFirst || !media || *media != "video" || (name && !name->empty())) return;
    const auto* samples = text_in(dataset_, "sample_collection_name");
    const auto should = "frames." + (samples ? *samples : "");
    const bool sure = samples && samples->starts_with("samples.");
    auto& problem = add("frames-unnamed", "frame_collection_name",
                        "a video dataset that does not name the collection of its frames",
                        "Set it to the collection that holds them" + (sure ? ": " + should + "." : std::string(".")));
    if (sure)
      mend(problem, "set it to " + should,
           [should](Document& dataset, ops::Context&) { name_frames(dataset, should); });
  }

  void field_list(const Value& value, const std::string& path) {
    const auto* list = value.as<Array>();
    if (!list) {
      add("fields-missing", path, std::string("a list of fields is of type ") + value.type_name(),
          "Restore the dataset's document from a backup.");
      return;
    }
    std::map<std::string, const Document*> names;
    for (std::size_t i = 0; i < list->size(); ++i) {
      const auto* field = (*list)[i].as<Document>();
      const auto* name = field ? text_in(*field, "name") : nullptr;
      const auto where = path + "." + (name ? *name : std::to_string(i));
      if (!name || name->empty()) {
        add("field-broken", where, "a field without a name", "Give it its name, or remove it.");
      } else if (const auto [first, added] = names.emplace(*name, field); !added) {
        auto& problem = add("field-twice", where, "the same field twice", "Remove one of them.");
        if (*first->second == *field) {
          mend(problem, "remove the second one, which is equal",
               [path](Document& dataset, ops::Context&) { remove_equal_fields(dataset, path); });
        }
      }
      if (field && !text_in(*field, "ftype")) {
        add("field-broken", where, "a field without a type (ftype)", "Set the type of the values it holds.");
      }
      const auto* nested = field ? field->find("fields") : nullptr;
      if (nested && !nested->is_null()) field_list(*nested, where + ".fields");
    }
  }

  // All revisions in one go first: most often nothing changes.
  void pending() {
    Document after = dataset_;
    auto context = context_for(dataset_, fetch_);
    for (const auto& one : requirements_) {
      if (!applies(one, version_)) continue;
      context.revision = one.revision->text;
      ops::apply(one.document, after, context);
    }
    if (after == dataset_ && edited_runs(context).empty()) return;
    after = dataset_;
    for (const auto& one : requirements_) {
      if (applies(one, version_)) pending_of(one, after);
    }
  }

  void pending_of(const Requirement& one, Document& dataset) {
    const Document before = dataset;
    auto context = context_for(dataset, fetch_);
    context.revision = one.revision->text;
    ops::apply(one.document, dataset, context);
    auto differences = bson::differences(before, dataset);
    std::erase_if(differences, clients_leave_out);
    auto paths = paths_of(differences);
    for (auto& run : edited_runs(context)) paths.push_back(std::move(run));
    if (paths.empty()) return;
    const auto count = static_cast<std::int64_t>(paths.size());
    auto& problem =
        add("revision-pending", some_of(paths), "revision " + one.revision->text + " has not been done here",
            "Keep a backup, set `version` in the dataset's document below the first such revision, and migrate it." +
                kReplay,
            count);
    mend(problem, "run what is missing of revision " + one.revision->text,
         [steps = one.document, revision = one.revision->text](Document& whole, ops::Context& in) {
           in.revision = revision;
           ops::apply(steps, whole, in);
         });
  }

  void newer() {
    std::vector<std::string> paths;
    std::vector<std::string> revisions;
    for (const auto& one : requirements_) {
      if (applies(one, version_)) continue;
      Document after = dataset_;
      auto context = context_for(dataset_, fetch_);
      context.revision = one.revision->text;
      ops::apply(one.newer, after, context);
      if (after == dataset_) continue;
      revisions.push_back(one.revision->text);
      for (auto& path : paths_of(bson::differences(dataset_, after))) paths.push_back(std::move(path));
    }
    if (paths.empty()) return;
    add("version-older", some_of(paths),
        "holds what " + some_of(revisions) + (revisions.size() == 1 ? " brings" : " bring") +
            ", but its version is older: an interrupted migration of the original, or a version set by hand",
        "Keep a backup and migrate it up." + kReplay, static_cast<std::int64_t>(paths.size()));
  }

  void reference(const char* collection, const Value& id, std::string where) {
    if (id.as<bson::Oid>()) {
      out_.references.push_back({collection, id, std::move(where)});
    } else {
      add("id-damaged", std::move(where), std::string("an id of type ") + id.type_name(),
          "Remove it from the dataset's document, or put the id there.");
    }
  }

  void results(const Document& run, const std::string& where) {
    const auto* results = run.find("results");
    if (results && results->as<bson::Oid>()) out_.references.push_back({"fs.files", *results, where + ".results"});
  }

  void references() {
    // Inside the dataset document until 0.19.0, which the pending ones tell.
    for (const char* key : {"annotation_runs", "brain_methods", "evaluations", "runs"}) {
      const auto* value = dataset_.find(key);
      const auto* mapping = value ? value->as<Document>() : nullptr;
      if (!mapping) continue;
      for (const auto& [name, entry] : *mapping) {
        const auto where = std::string(key) + "." + name;
        if (const auto* inline_run = entry.as<Document>()) {
          results(*inline_run, where);
          continue;
        }
        reference("runs", entry, where);
        if (const auto run = entry.as<bson::Oid>() ? fetch_("runs", entry) : std::nullopt) results(*run, where);
      }
    }
    using Pair = std::pair<const char*, const char*>;
    for (const auto& [key, collection] : {Pair{"saved_views", "views"}, Pair{"workspaces", "workspaces"}}) {
      const auto* value = dataset_.find(key);
      const auto* list = value ? value->as<Array>() : nullptr;
      if (!list) continue;
      for (std::size_t i = 0; i < list->size(); ++i) {
        reference(collection, (*list)[i], std::string(key) + "." + std::to_string(i));
      }
    }
  }

  void collections() {
    for (const auto& one : requirements_) {
      if (one.collection.empty() || !applies(one, version_)) continue;
      auto before = before_collection_steps(one, dataset_);
      auto context = context_for(dataset_, fetch_);
      context.revision = one.revision->text;
      ops::apply(one.collection, before, context);
      for (const auto& work : context.work) check(work);
    }
    for (auto& check : polyline_checks(dataset_, version_)) out_.checks.push_back(std::move(check));
  }

  CollectionCheck pending_check(const ops::CollectionWork& work, Document filter) const {
    return {work.collection, std::move(filter),
            problem_of("documents-pending", work.collection,
                       "documents that revision " + work.revision + " has not reached",
                       "Other clients may have written them since; `migrate` does not look at them again."),
            "", dataset_.find("_id") ? *dataset_.find("_id") : Value()};
  }

  // The step is done to what lacks it.
  static void mend(CollectionCheck& check, const ops::CollectionWork& work, std::string repair) {
    check.problem.repair = std::move(repair);
    check.problem.mend.members.push_back(
        {check.collection, check.filter, [step = *work.step, owner = check.owner](Document& member) {
           static const ops::IdGenerator kNoIds(0, "");
           ops::Context context(owner, 0, kNoIds, nullptr);
           context.record_displaced = false;
           ops::apply_to_member(step, member, context);
         }});
  }

  void check(const ops::CollectionWork& work) {
    const Document present{{"$exists", true}};
    const Document absent{{"$exists", false}};
    const auto& operation = work.step->operation;
    // A shared collection is looked at once for all datasets (verify.cc).
    if (work.owner_filter) return;
    if (const auto* compute = std::get_if<ops::Compute>(&operation)) {
      const auto path = compute->path.str();
      auto missing = pending_check(work, {{path, absent}});
      missing.problem.what += ": they lack " + path;
      // Times: a field of the user's with that name may have had gaps before.
      const bool stamp = compute->source == ops::Compute::Source::kDatasetId;
      if (stamp) {
        mend(missing, work, "set " + path + " to this dataset's id");
      } else {
        missing.problem =
            problem_of("times-missing", missing.problem.where, missing.problem.what, missing.problem.remedy);
      }
      out_.checks.push_back(std::move(missing));
      if (!stamp) return;
      const auto* id = dataset_.find("_id");
      auto wrong = pending_check(work, {{path, Document{{"$exists", true}, {"$ne", id ? *id : Value()}}}});
      wrong.problem = problem_of("stamp-of-another", work.collection, "documents that name another dataset in " + path,
                                 "Find out who wrote them: views of this dataset may miss them.");
      wrong.owner_key = path;
      out_.checks.push_back(std::move(wrong));
    } else if (const auto* rename = std::get_if<ops::Rename>(&operation)) {
      auto pending = pending_check(work, {{rename->from.str(), present}, {rename->to.str(), absent}});
      pending.problem.what += ": they hold " + rename->from.str() + ", not " + rename->to.str();
      mend(pending, work, "move " + rename->from.str() + " to " + rename->to.str());
      out_.checks.push_back(std::move(pending));
    } else if (const auto* unset = std::get_if<ops::Unset>(&operation)) {
      for (const auto& path : unset->paths) {
        auto pending = pending_check(work, {{path.str(), present}});
        pending.problem.what += ": they hold " + path.str();
        mend(pending, work, "remove " + path.str());
        out_.checks.push_back(std::move(pending));
      }
    }
  }

  const Document& dataset_;
  const Version& version_;
  const std::vector<Requirement>& requirements_;
  const ops::References::Fetch& fetch_;
  Inspection out_;
};

}  // namespace

Inspection inspect(const Document& dataset, const Version& version, const std::vector<Requirement>& requirements,
                   const ops::References::Fetch& fetch) {
  return Inspector(dataset, version, requirements, fetch).run();
}

bool fits_version(const Document& dataset, const Version& version, const std::vector<Requirement>& requirements,
                  const ops::References::Fetch& fetch) {
  auto after = dataset;
  auto context = context_for(dataset, fetch);
  for (const auto& one : requirements) {
    context.revision = one.revision->text;
    ops::apply(applies(one, version) ? one.document : one.newer, after, context);
  }
  return after == dataset && edited_runs(context).empty();
}

std::string some_of(const std::vector<std::string>& words) {
  constexpr std::size_t kShown = 3;
  std::string out;
  for (std::size_t i = 0; i < std::min(words.size(), kShown); ++i) out += (i > 0 ? ", " : "") + words[i];
  if (words.size() > kShown) out += ", " + std::to_string(words.size() - kShown) + " more";
  return out;
}

}  // namespace fm
