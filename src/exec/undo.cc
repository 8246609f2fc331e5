#include "exec/undo.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "base/error.h"
#include "bson/read.h"
#include "exec/set_aside.h"
#include "exec/undo_repair.h"
#include "exec/verify_document.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

Undo::Undo(Mongo& mongo, const Catalogue& catalogue, std::int64_t now_ms, std::string seed, RunSettings settings,
           RunObserver& observer)
    : mongo_(mongo),
      catalogue_(catalogue),
      facts_(facts_of(now_ms, seed)),
      seed_(std::move(seed)),
      settings_(std::move(settings)),
      observer_(observer) {}

RunRecord Undo::find(Mongo& mongo, const std::string& run) {
  auto runs = Residue(mongo).runs();
  std::erase_if(runs, [](const RunRecord& one) { return is_part(one.run); });
  if (runs.empty()) {
    throw Error(Exit::kNotFound, "There is no run that can be taken back",
                "Only runs with the undo log on keep what they write.");
  }
  if (run == "last") {
    const auto left = Journal(mongo).unfinished();
    const auto is_undone = [&](const RunRecord& one) { return left && one.run == left->undoes; };
    const auto goes_on = std::find_if(runs.begin(), runs.end(), is_undone);
    return goes_on == runs.end() ? runs.front() : *goes_on;
  }
  std::vector<const RunRecord*> found;
  for (const auto& one : runs) {
    if (one.run == run) return one;
    if (one.run.starts_with(run)) found.push_back(&one);
  }
  if (found.size() == 1) return *found.front();
  std::vector<std::string> names;
  for (const auto& one : runs) names.push_back(one.run);
  if (found.empty()) {
    throw Error(Exit::kNotFound, "No run '" + run + "' can be taken back",
                "Those with an undo log, newest first: " + some_of(names) + ".");
  }
  throw Error(Exit::kUsage, "Several runs begin with '" + run + "'", "Give more of the id.");
}

BatchRunner& Undo::batches(const RunRecord& record) {
  if (!batches_) {
    BatchSettings settings;
    settings.undo_log = true;
    settings.undo = record;
    settings.passes = passes_of(settings_, observer_, progress_);
    batches_ = std::make_unique<BatchRunner>(mongo_, catalogue_, facts_, std::move(settings));
  }
  return *batches_;
}

std::string Undo::target(const RunRecord& record) { return "undo of " + record.run; }

std::vector<Undo::Touched> Undo::touched(const RunRecord& record) {
  std::vector<Touched> out;
  Residue(mongo_).of_run(record.run, [&](Image image) {
    if (image.service != "datasets" || !image.before) return;
    const auto* back = batches(record).way_back(image);
    auto before = image.from == image.to ? std::move(image.before) : std::nullopt;
    out.push_back({std::move(image.document), std::move(image.name), back, std::move(before)});
  });
  return out;
}

bool Undo::check_config(const RunRecord& record, bool skip_changed) {
  if (!record.config) return false;
  const auto now = read_heads(mongo_).config;
  const auto version = [](const std::optional<Document>& config) {
    const auto* found = config ? config->find("version") : nullptr;
    return found && found->as<std::string>() ? *found->as<std::string>() : std::string();
  };
  if (now && *now == *record.config) return false;
  if (version(now) == record.database) return true;
  if (skip_changed) return false;
  throw Error(Exit::kPrecondition,
              "The database is at v" + version(now) + ", and that run left it at v" + record.database,
              "--skip-changed leaves its version as it is and takes the datasets back.");
}

void Undo::resume(const std::vector<Journal::Entry>& entries, const RunRecord& record,
                  std::vector<DatasetFailure>& failures, std::size_t& done) {
  Array ids;
  for (const auto& entry : entries) ids.append(entry.dataset);
  const auto images = Residue(mongo_).images(record.run, "datasets", "datasets", ids);
  std::vector<std::pair<Journal::Entry, const Route*>> ways;
  for (const auto& entry : entries) {
    const auto image = images.find(id_key(entry.dataset));
    if (image != images.end()) ways.emplace_back(entry, batches(record).way_back(image->second));
  }
  batches(record).resume(ways, [&](BatchRunner::Result result) {
    if (result.gone) return;
    if (result.failure) {
      failures.push_back({result.name, *result.failure, false, id_key(result.id)});
    } else {
      ++done;
    }
  });
}

RunReport Undo::finish(const Journal::Unfinished& left, const RunRecord& record) {
  RunReport report;
  facts_.run = left.run;
  if (record.repair) {
    const auto back = UndoRepair(mongo_, facts_, seed_, settings_, observer_).run(record, true);
    report.failures = back.failures;
    report.datasets_done = back.datasets;
    return report;
  }
  const auto own = Residue(mongo_).run(left.run);
  facts_.seq = own ? own->seq : 0;
  resume(left.entries, record, report.failures, report.datasets_done);
  return report;
}

std::vector<BatchRunner::Item> Undo::to_take_back(const RunRecord& record, const std::set<std::string>& half_way,
                                                  UndoReport& report) {
  std::map<std::string, std::optional<std::string>> versions;
  FindOptions options;
  options.projection = Document{{"version", 1}};
  mongo_.find("datasets", {}, options, [&](bson::View view) {
    const auto version = view.get_string("version");
    versions.emplace(id_key(*view.get("_id")),
                     version ? std::optional<std::string>(std::string(*version)) : std::nullopt);
  });
  const auto is_back = [&](const Touched& one, const std::optional<std::string>& version) {
    if (!one.before)
      return one.back->dataset_keeps_version ? version == one.back->to : !version && one.back->from != "0.0";
    const auto now = mongo_.find_one("datasets", Document{{"_id", one.id}});
    return now && *now == *one.before;
  };
  std::vector<BatchRunner::Item> items;
  for (const auto& one : touched(record)) {
    const auto key = id_key(one.id);
    const auto found = versions.find(key);
    if (found == versions.end()) {
      report.deleted.push_back(one.name);
      continue;
    }
    if (found->second == kParkedVersion && half_way.contains(key)) continue;
    if (!is_back(one, found->second)) items.push_back({one.id, one.back});
  }
  return items;
}

UndoReport Undo::run(const RunRecord& record, bool skip_changed) {
  const auto start = std::chrono::steady_clock::now();
  UndoReport report;
  report.run = record.run;
  report.by = facts_.run;
  if (record.undone_by && *record.undone_by != facts_.run) {
    throw Error(Exit::kPrecondition, "Run " + record.run + " was taken back already, by " + *record.undone_by,
                "`undo " + *record.undone_by + "` does it again.");
  }
  if (record.repair) return UndoRepair(mongo_, facts_, seed_, settings_, observer_).run(record, skip_changed);
  Journal journal(mongo_);
  const auto left = journal.unfinished();
  const auto entries = left && left->run == record.run ? left->entries : std::vector<Journal::Entry>();
  std::set<std::string> half_way;
  for (const auto& entry : entries) half_way.insert(id_key(entry.dataset));

  const auto items = to_take_back(record, half_way, report);
  report.database = check_config(record, skip_changed);
  observer_.phase("checking", items.size());
  std::vector<BatchRunner::Item> unchanged;
  std::size_t looked_at = 0;
  batches(record).survey(items, [&](BatchRunner::Result result) {
    observer_.datasets_done(++looked_at);
    if (result.failure) {
      report.failures.push_back({result.name, *result.failure, true, id_key(result.id)});
    } else if (!result.gone) {
      unchanged.push_back({result.id, result.route});
    }
  });
  if (!report.failures.empty() && !skip_changed) {
    if (report.failures.size() == 1) throw report.failures.front().error;
    std::string text = std::to_string(report.failures.size()) + " datasets cannot be taken back; nothing was written:";
    for (const auto& failure : report.failures) text += "\n  " + std::string(failure.error.what());
    throw Error(Exit::kPrecondition, text, "--skip-changed leaves them as they are and takes the others back.");
  }

  const auto heads = read_heads(mongo_);
  const auto version_of = [](const std::optional<Document>& config) {
    return config ? bson::text_at(*config, "version") : std::string();
  };
  Plan plan;
  plan.target = target(record);
  journal.begin(plan, facts_.run, settings_.request, facts_.now_ms, seed_, record.run);
  History history(mongo_);
  RunStart begun;
  begun.run = facts_.run;
  begun.kind = "undo";
  begun.origin = settings_.origin;
  begun.from = version_of(heads.config);
  begun.to = report.database ? version_of(record.config) : begun.from;
  begun.planned = static_cast<std::int64_t>(unchanged.size() + entries.size());
  std::map<std::pair<std::string, std::string>, std::int64_t> ways;
  for (const auto& item : unchanged) ++ways[{item.route->from, item.route->to}];
  for (const auto& [way, datasets] : ways) begun.ways.push_back({way.first, way.second, datasets});
  begun.details = Document{{"undoes", record.run}};
  for (const auto& [key, value] : settings_.details) begun.details.append(key, value);
  history.begin(begun);
  auto own = record_of(facts_.run, facts_.now_ms, seed_, plan.target);
  own.undoes = record.run;
  own.services = settings_.services;
  if (report.database) {
    own.config = heads.config.value_or(Document());
    own.database = begun.to;
  }
  for (auto& one : collections_set_aside(mongo_, record.run)) own.brought_back.push_back(std::move(one.name));
  Residue residue(mongo_);
  facts_.seq = residue.begin(std::move(own)).seq;
  const auto ended = [&](const std::string& state, const std::optional<Error>& error) {
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    history.end(facts_.run,
                {state, static_cast<std::int64_t>(report.datasets), report.failures, {}, report.seconds, error});
  };
  try {
    if (settings_.before_writes) settings_.before_writes();
    bring_back(mongo_, record.run);
    if (report.database) {
      if (record.config->empty()) {
        if (heads.config) mongo_.remove("config", {*heads.config->find("_id")});
      } else {
        // Where it was taken away, it is as it was.
        const auto& there = heads.config ? *heads.config : *record.config;
        mongo_.upsert("config", {Document{{"_id", *there.find("_id")}}, *record.config});
      }
    }
    write(record, entries, unchanged, report);
    set_aside(mongo_, facts_.run, record.brought_back);
  } catch (const Error& error) {
    const auto planned = unchanged.size() + entries.size();
    const auto said = is_stop(error.code()) ? with_counts(error, report.datasets, planned, journal) : error;
    note_end(said, [&] { ended(state_after(said), said); });
    throw said;
  }
  history.undone(record.run, facts_.run);
  if (record.undoes) history.undone(*record.undoes, std::nullopt);
  ended("done", std::nullopt);
  journal.end();
  return report;
}

void Undo::write(const RunRecord& record, const std::vector<Journal::Entry>& half_way,
                 const std::vector<BatchRunner::Item>& unchanged, UndoReport& report) {
  if (!half_way.empty()) resume(half_way, record, report.failures, report.datasets);
  observer_.phase("taking back", unchanged.size());
  std::size_t finished = 0;
  batches(record).run(unchanged, [&](BatchRunner::Result result) {
    observer_.datasets_done(++finished);
    if (result.failure) {
      report.failures.push_back({result.name, *result.failure, false, id_key(result.id)});
      observer_.failure(report.failures.back());
    } else if (!result.gone) {
      ++report.datasets;
    }
  });
  if (settings_.after_writes) settings_.after_writes();
  Residue residue(mongo_);
  residue.of_run(facts_.run, [&](const Image& image) { residue.settle({image}); });
  residue.undone(record.run, facts_.run);
  if (record.undoes) residue.undone(*record.undoes, std::nullopt);
}

}  // namespace fm
