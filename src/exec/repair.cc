#include "exec/repair.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "base/error.h"
#include "bson/json.h"
#include "bson/read.h"
#include "exec/batch_size.h"
#include "exec/gridfs.h"
#include "exec/history.h"
#include "ops/naming.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr int kAttempts = 3;

std::string place_of(const Problem& problem) { return problem.dataset.empty() ? "(database)" : problem.dataset; }

}  // namespace

std::string repair_request(const VerifySettings& wanted) {
  return bson::to_canonical_json(Document{{"names", Array::of(wanted.names)}, {"deep", wanted.deep}});
}

VerifySettings read_repair_request(const std::string& request) {
  VerifySettings out;
  try {
    const auto document = bson::from_json(request);
    out.names = bson::strings_at(document, "names");
    const auto* deep = document.find("deep");
    out.deep = deep && deep->truthy();
  } catch (const Error&) {
    // Not one of ours: everything is looked at.
  }
  return out;
}

Repair::Repair(Mongo& mongo, const Catalogue& catalogue, std::int64_t now_ms, std::string seed, RunSettings settings,
               RunObserver& observer)
    : mongo_(mongo),
      catalogue_(catalogue),
      facts_(facts_of(now_ms, seed)),
      seed_(std::move(seed)),
      settings_(std::move(settings)),
      observer_(observer),
      edits_(mongo, facts_) {}

void Repair::checkpoint() const {
  if (settings_.control) settings_.control->checkpoint();
}

RunReport Repair::finish(const Journal::Unfinished& left) {
  facts_.run = left.run;
  auto wanted = read_repair_request(left.request);
  wanted.jobs = settings_.jobs;
  const auto heads = read_heads(mongo_);
  // A dataset may have been renamed or deleted meanwhile.
  std::erase_if(wanted.names, [&](const std::string& name) {
    return std::none_of(heads.heads.datasets.begin(), heads.heads.datasets.end(),
                        [&](const DatasetHead& head) { return head.name == name; });
  });
  const auto report = run(verify(mongo_, catalogue_, heads, wanted), wanted);
  RunReport out;
  out.run = report.run;
  out.failures = report.failures;
  out.seconds = report.seconds;
  for (const auto& one : report.mended) out.datasets_done += one.documents > 0 ? 1 : 0;
  return out;
}

RepairReport Repair::run(const VerifyReport& found, const VerifySettings& wanted) {
  const auto start = std::chrono::steady_clock::now();
  RepairReport report;
  report.run = facts_.run;
  for (const auto& problem : found.problems) {
    if (!problem.mend.empty()) report.mended.push_back({problem, 0});
  }
  Plan plan;
  plan.target = kRepairTarget;
  Journal journal(mongo_);
  journal.begin(plan, facts_.run, repair_request(wanted), facts_.now_ms, seed_);
  History history(mongo_);
  RunStart begun;
  begun.run = facts_.run;
  begun.kind = "repair";
  begun.origin = settings_.origin;
  begun.planned = static_cast<std::int64_t>(report.mended.size());
  begun.details = settings_.details;
  history.begin(begun);
  const auto ended = [&](const std::string& state, const std::optional<Error>& error) {
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const auto done =
        std::count_if(report.mended.begin(), report.mended.end(), [](const auto& one) { return one.documents > 0; });
    history.end(facts_.run,
                {state, done, report.failures, {}, report.seconds, error, Document{{"documents", report.documents}}});
  };
  try {
    auto record = record_of(facts_.run, facts_.now_ms, seed_, plan.target);
    record.repair = true;
    facts_.seq = Residue(mongo_).begin(std::move(record)).seq;
    keep_images(report);
    mend(report);
    ended("done", std::nullopt);
  } catch (const Error& error) {
    note_end(error, [&] { ended(state_after(error), error); });
    throw;
  }
  journal.end();
  return report;
}

// For lists, and for knowing what belongs to a dataset that is deleted later.
void Repair::keep_images(const RepairReport& report) {
  std::map<std::string, Image> images;
  for (const auto& [problem, documents] : report.mended) {
    const auto about = [&, &problem = problem](const Value& dataset) -> Image& {
      auto& image = images[id_key(dataset)];
      image.run = facts_.run;
      image.seq = facts_.seq;
      image.service = kRepairTarget;
      image.document = dataset;
      image.direction = Direction::kUp;
      if (!problem.dataset.empty()) image.name = problem.dataset;
      return image;
    };
    for (const auto& one : problem.mend.datasets) about(one.dataset);
    if (problem.dataset.empty()) continue;
    for (const auto& one : problem.mend.members) about(problem.dataset_id).members.insert(one.collection);
    for (const auto& one : problem.mend.indexes) about(problem.dataset_id).members.insert(one.collection);
  }
  std::vector<Image> all;
  all.reserve(images.size());
  for (auto& [key, image] : images) all.push_back(std::move(image));
  Residue(mongo_).keep(all, true);
}

void Repair::mend(RepairReport& report) {
  // A dataset's document is written once, whatever is wrong with it.
  std::vector<std::pair<Value, Problems>> datasets;
  std::map<std::string, std::size_t> place;
  for (std::size_t i = 0; i < report.mended.size(); ++i) {
    for (const auto& one : report.mended[i].problem.mend.datasets) {
      const auto [found, first] = place.emplace(id_key(one.dataset), datasets.size());
      if (first) datasets.emplace_back(one.dataset, Problems());
      datasets[found->second].second.push_back(i);
    }
  }
  observer_.phase("mending", datasets.size());
  std::size_t done = 0;
  for (const auto& [dataset, problems] : datasets) {
    checkpoint();
    mend_dataset(dataset, problems, report);
    observer_.datasets_done(++done);
  }
  for (auto& mended : report.mended) {
    const auto& mend = mended.problem.mend;
    const auto before = mended.documents;
    try {
      for (const auto& members : mend.members) mend_members(members, mended);
      for (const auto& index : mend.indexes) mend_index(index, mended);
      for (const auto& removal : mend.removals) {
        checkpoint();
        const auto found = mongo_.find_one(removal.collection, Document{{"_id", removal.id}});
        if (!found) continue;
        if (edits_.write({{removal.collection, removal.id, found, std::nullopt}}).empty()) ++mended.documents;
      }
    } catch (const Error& error) {
      if (ends_the_run(error)) throw;
      report.failures.push_back({place_of(mended.problem), error, false, ""});
      observer_.failure(report.failures.back());
    }
    report.documents += mended.documents - before;
  }
}

void Repair::mend_dataset(const Value& id, const Problems& problems, RepairReport& report) {
  const auto failed = [&](const std::string& name, const Error& error) {
    report.failures.push_back({name, error, false, id_key(id)});
    observer_.failure(report.failures.back());
  };
  std::string name;
  try {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const auto dataset = mongo_.find_one("datasets", Document{{"_id", id}});
      if (!dataset) return;
      name = shown_name(*dataset);
      if (try_dataset(*dataset, problems, report)) return;
    }
    failed(name, Error(Exit::kFailed, "Dataset '" + name + "' keeps changing while it is mended",
                       "Stop the clients that use it and run the same command again."));
  } catch (const Error& error) {
    if (ends_the_run(error)) throw;
    failed(name, error);
  }
}

bool Repair::try_dataset(const Document& dataset, const Problems& problems, RepairReport& report) {
  const auto& id = *dataset.find("_id");
  const auto fetch = [&](const std::string& collection, const Value& other) {
    return mongo_.find_one(collection, Document{{"_id", other}});
  };
  ops::Context context(id, facts_.now_ms, facts_.ids, fetch);
  context.record_displaced = false;
  context.file_has_key = [&](const Value& file, const std::string& key) { return file_has_key(mongo_, file, key); };
  context.dataset_name = shown_name(dataset);
  if (const auto* name = dataset.find("name"); name && name->as<std::string>()) {
    context.naming = ops::Naming{*name, ops::slugify(*name->as<std::string>()), {}};
  }
  auto after = dataset;
  std::vector<std::size_t> worked;
  const auto others = [&] {
    std::vector<std::optional<Document>> out;
    for (const auto& entry : context.references.entries()) out.push_back(entry.after);
    return out;
  };
  for (const auto i : problems) {
    const auto before = after;
    const auto before_others = others();
    for (const auto& one : report.mended[i].problem.mend.datasets) {
      if (one.dataset == id) one.edit(after, context);
    }
    auto now = others();
    now.resize(before_others.size());  // what was only looked at has not changed
    const bool made = std::any_of(context.references.entries().begin() + static_cast<std::ptrdiff_t>(now.size()),
                                  context.references.entries().end(),
                                  [](const auto& entry) { return !(entry.before == entry.after); });
    if (made || !(before == after) || now != before_others) worked.push_back(i);
  }
  std::vector<DocumentEdit> edits;
  for (const auto& entry : context.references.entries()) {
    if (entry.before == entry.after) continue;
    DocumentEdit edit{entry.collection, entry.id, entry.before, entry.after};
    const auto* results = entry.after ? entry.after->find("results") : nullptr;
    for (const auto& patch : context.file_patches) {
      if (results && *results == Value(patch.new_id)) edit.files.push_back(patch);
    }
    edits.push_back(std::move(edit));
  }
  if (!(after == dataset)) edits.push_back({"datasets", id, dataset, after});
  if (edits.empty()) return true;
  if (!edits_.write(edits).empty()) return false;
  for (const auto i : worked) ++report.mended[i].documents;
  report.documents += static_cast<std::int64_t>(edits.size());
  if (settings_.control) settings_.control->wrote(static_cast<std::int64_t>(edits.size()));
  return true;
}

void Repair::mend_members(const Mend::OfMembers& members, RepairReport::Mended& mended) {
  // Pages along the index of _id, which holds every type: a cursor would not
  // outlive the waits of a low --rate.
  std::optional<Value> last;
  constexpr auto kMost = static_cast<std::int64_t>(kBatch);
  const auto size = settings_.control ? settings_.control->piece(kMost) : kMost;
  for (;;) {
    checkpoint();
    FindOptions options;
    options.hint = Document{{"_id", 1}};
    options.limit = size + 1;
    if (last) options.min = Document{{"_id", *last}};
    std::vector<DocumentEdit> edits;
    std::size_t bytes = 0;
    std::int64_t read = 0;
    const auto first = last;
    mongo_.find(members.collection, members.filter, options, [&](const bson::View& view) {
      ++read;
      if (bytes >= kBatchBytes) return;  // the next page begins there
      auto before = view.decode();
      const auto& id = *before.find("_id");
      if (first && *first == id) return;
      last = id;
      bytes += view.size();
      auto after = before;
      members.edit(after);
      if (after == before) return;
      edits.push_back({members.collection, id, std::move(before), std::move(after)});
    });
    const bool over = read <= size && bytes < kBatchBytes;
    const auto wrote = edits.empty() ? 0 : write_members(members, std::move(edits));
    mended.documents += wrote;
    observer_.collection(members.collection, mended.documents, std::max(mended.documents, mended.problem.count));
    if (settings_.control) settings_.control->wrote(wrote);
    if (over) return;
  }
}

std::int64_t Repair::write_members(const Mend::OfMembers& members, std::vector<DocumentEdit> edits) {
  std::int64_t written = 0;
  for (int attempt = 0; attempt < kAttempts && !edits.empty(); ++attempt) {
    const auto changed = edits_.write(edits);
    written += static_cast<std::int64_t>(edits.size() - changed.size());
    std::vector<DocumentEdit> again;
    for (const auto i : changed) {
      auto now = DocumentEdits::current(mongo_, edits[i]);
      if (!now) continue;
      auto after = *now;
      members.edit(after);
      if (!(after == *now)) again.push_back({edits[i].collection, edits[i].id, std::move(now), std::move(after)});
    }
    edits = std::move(again);
  }
  return written;
}

void Repair::mend_index(const Mend::OfIndex& index, RepairReport::Mended& mended) {
  checkpoint();
  const auto name = bson::text_at(index.index, "name");
  DocumentEdit edit{index.collection, Document{{"index", name}}, std::nullopt, index.index, true};
  if (DocumentEdits::current(mongo_, edit)) return;
  edits_.write({edit});
  ++mended.documents;
}

}  // namespace fm
