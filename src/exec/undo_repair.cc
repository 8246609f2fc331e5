#include "exec/undo_repair.h"

#include <array>
#include <chrono>
#include <map>

#include "base/error.h"
#include "bson/json.h"
#include "bson/merge.h"
#include "bson/read.h"
#include "exec/batch_size.h"
#include "exec/repair.h"
#include "exec/undo.h"
#include "store/lease.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr std::size_t kMostFailures = 20;

const Document kThere{{"$exists", true}};
const Document kNotThere{{"$exists", false}};

// What a dataset names is there before it and gone after it.
const std::array<Document, 4> kOrder = {
    Document{{"gone", kThere}},
    Document{{"gone", kNotThere}, {"made", kNotThere}, {"_id.collection", Document{{"$ne", "datasets"}}}},
    Document{{"gone", kNotThere}, {"made", kNotThere}, {"_id.collection", "datasets"}},
    Document{{"made", kThere}},
};

std::string place_of(const DocumentEdit& edit) {
  const auto* oid = edit.id.as<bson::Oid>();
  return edit.collection + " " + (oid ? oid->hex() : bson::to_relaxed_json(Document{{"_id", edit.id}}));
}

}  // namespace

UndoRepair::UndoRepair(Mongo& mongo, const RunFacts& facts, std::string seed, const RunSettings& settings,
                       RunObserver& observer)
    : mongo_(mongo),
      facts_(facts),
      seed_(std::move(seed)),
      settings_(settings),
      observer_(observer),
      edits_(mongo, facts) {}

std::optional<DocumentEdit> UndoRepair::way_back(const DocumentEdit& kept, const std::optional<Document>& now) const {
  auto out = kept.reversed();
  if (now == out.before) return out;
  out.before = now;
  if (now == out.after) return out;
  // Edits elsewhere in the document stay.
  if (!now || !kept.before || !kept.after || kept.index) return std::nullopt;
  auto merged = bson::merge(*kept.after, *now, *kept.before);
  if (!merged.conflicts.empty()) return std::nullopt;
  out.after = std::move(merged.document);
  return out;
}

void UndoRepair::batch(std::vector<DocumentEdit>& kept, bool write, UndoReport& report) {
  std::map<std::string, Array> ids;
  for (const auto& edit : kept) {
    if (!edit.index) ids[edit.collection].append(edit.id);
  }
  std::map<std::pair<std::string, std::string>, Document> now;
  for (auto& [collection, list] : ids) {
    mongo_.find(collection, Document{{"_id", Document{{"$in", std::move(list)}}}}, {},
                [&, &name = collection](const bson::View& view) {
                  auto document = view.decode();
                  auto key = id_key(*document.find("_id"));
                  now.emplace(std::pair(name, std::move(key)), std::move(document));
                });
  }
  const auto changed = [&](const DocumentEdit& edit) {
    ++report.changed;
    if (report.failures.size() >= kMostFailures) return;
    const auto place = place_of(edit);
    report.failures.push_back({place,
                               Error(Exit::kPrecondition, place + " was changed since that run",
                                     "--skip-changed leaves it as it is and takes the others back."),
                               true, ""});
  };
  std::vector<DocumentEdit> back;
  std::vector<DocumentEdit> done;  // never written, or back already
  for (const auto& edit : kept) {
    const auto found = now.find({edit.collection, id_key(edit.id)});
    const auto stored = edit.index           ? DocumentEdits::current(mongo_, edit)
                        : found == now.end() ? std::nullopt
                                             : std::optional(found->second);
    if (!stored && edit.before && edit.after) {
      ++report.gone;  // deleted since
      continue;
    }
    auto one = way_back(edit, stored);
    if (!one) {
      changed(edit);
    } else if (one->before == one->after) {
      ++report.documents;
      if (!one->files.empty()) done.push_back(std::move(*one));
    } else {
      back.push_back(std::move(*one));
    }
  }
  kept.clear();
  if (!write) return;
  edits_.discard(done);
  const auto missed = edits_.write(back);
  for (const auto i : missed) changed(back[i]);
  report.documents += static_cast<std::int64_t>(back.size() - missed.size());
  if (settings_.control) settings_.control->wrote(static_cast<std::int64_t>(back.size()));
}

void UndoRepair::pass(const RunRecord& record, bool write, UndoReport& report) {
  for (const auto& part : kOrder) {
    std::vector<DocumentEdit> kept;
    DocumentEdits::of_run(mongo_, record.run, part, [&](DocumentEdit edit) {
      kept.push_back(std::move(edit));
      if (kept.size() < kBatch) return;
      if (settings_.control) settings_.control->checkpoint();
      batch(kept, write, report);
    });
    batch(kept, write, report);
  }
}

UndoReport UndoRepair::run(const RunRecord& record, bool skip_changed) {
  const auto start = std::chrono::steady_clock::now();
  UndoReport report;
  report.run = record.run;
  report.by = facts_.run;
  report.repair = true;
  if (!skip_changed) {
    observer_.phase("checking", 0);
    pass(record, false, report);
    if (report.changed == 1) throw report.failures.front().error;
    if (report.changed > 1) {
      std::string text = std::to_string(report.changed) + " documents cannot be taken back; nothing was written:";
      for (const auto& failure : report.failures) text += "\n  " + std::string(failure.error.what());
      throw Error(Exit::kPrecondition, text, "--skip-changed leaves them as they are and takes the others back.");
    }
    report.documents = report.gone = 0;
  }
  Plan plan;
  plan.target = Undo::target(record);
  Journal journal(mongo_);
  journal.begin(plan, facts_.run, "", facts_.now_ms, seed_, record.run);
  History history(mongo_);
  RunStart begun;
  begun.run = facts_.run;
  begun.kind = "undo";
  begun.origin = settings_.origin;
  begun.details = Document{{"undoes", record.run}};
  history.begin(begun);
  const auto ended = [&](const std::string& state, const std::optional<Error>& error) {
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    history.end(facts_.run,
                {state, 0, report.failures, {}, report.seconds, error, Document{{"documents", report.documents}}});
  };
  try {
    write(record, report);
  } catch (const Error& error) {
    note_end(error, [&] { ended(state_after(error), error); });
    throw;
  }
  if (report.changed == 0) {
    history.undone(record.run, facts_.run);
    if (record.undoes) history.undone(*record.undoes, std::nullopt);
  }
  ended("done", std::nullopt);
  report.left = Undo::close(mongo_, facts_.run);
  return report;
}

void UndoRepair::write(const RunRecord& record, UndoReport& report) {
  Residue residue(mongo_);
  auto own = record_of(facts_.run, facts_.now_ms, seed_, Undo::target(record));
  own.undoes = record.run;
  own.repair = true;
  const auto seq = residue.begin(std::move(own)).seq;
  // For lists: the same datasets.
  std::vector<Image> images;
  residue.of_run(record.run, [&](Image image) {
    image.run = facts_.run;
    image.seq = seq;
    images.push_back(std::move(image));
  });
  residue.keep(images, true);
  observer_.phase("taking back", images.size());
  pass(record, true, report);
  report.datasets = images.size();
  if (report.changed > 0) return;  // it can be taken back again, for the rest
  residue.undone(record.run, facts_.run);
  if (record.undoes) residue.undone(*record.undoes, std::nullopt);
}

}  // namespace fm
