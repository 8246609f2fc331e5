#include "exec/undo.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "base/error.h"
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
      facts_{now_ms, ops::IdGenerator(now_ms, seed), {}, run_id(now_ms, seed), 0},
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
  if (run == "last") return runs.front();
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
    settings.passes.range_size = settings_.range_size;
    settings.passes.at_once = settings_.jobs;
    settings.passes.control = settings_.control;
    settings.passes.progress = [this](const std::string& name, std::int64_t done, std::int64_t total) {
      const std::lock_guard lock(progress_);
      observer_.collection(name, done, total);
    };
    batches_ = std::make_unique<BatchRunner>(mongo_, catalogue_, facts_, std::move(settings));
  }
  return *batches_;
}

std::vector<Undo::Touched> Undo::touched(const RunRecord& record) {
  std::vector<Touched> out;
  Residue(mongo_).of_run(record.run, [&](Image image) {
    if (image.service != "datasets" || !image.before) return;
    const auto* back = batches(record).way_back(image);
    out.push_back({std::move(image.document), std::move(image.name), back});
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
  Residue residue(mongo_);
  Journal journal(mongo_);
  const auto left = journal.unfinished();
  const bool interrupted = left && left->run == record.run;
  std::set<std::string> half_way;
  if (interrupted) {
    for (const auto& entry : left->entries) half_way.insert(id_key(entry.dataset));
  }

  // Those that the run has written, as they are now.
  std::map<std::string, std::optional<std::string>> versions;
  FindOptions options;
  options.projection = Document{{"version", 1}};
  mongo_.find("datasets", {}, options, [&](bson::View view) {
    const auto version = view.get_string("version");
    versions.emplace(id_key(*view.get("_id")),
                     version ? std::optional<std::string>(std::string(*version)) : std::nullopt);
  });
  std::vector<BatchRunner::Item> items;
  for (const auto& one : touched(record)) {
    const auto key = id_key(one.id);
    const auto found = versions.find(key);
    if (found == versions.end()) {
      report.deleted.push_back(one.name);
      continue;
    }
    if (found->second == kParkedVersion && half_way.contains(key)) continue;
    const auto& version = found->second;
    const bool back_already =
        one.back->dataset_keeps_version ? version == one.back->to : !version && one.back->from != "0.0";
    if (!back_already) items.push_back({one.id, one.back});
  }
  report.database = check_config(record, skip_changed);

  observer_.phase("checking", items.size());
  std::vector<BatchRunner::Item> unchanged;
  const auto check = [&](BatchRunner::Result result) {
    if (result.failure) {
      report.failures.push_back({result.name, *result.failure, true, id_key(result.id)});
    } else if (!result.gone) {
      unchanged.push_back({result.id, result.route});
    }
  };
  batches(record).survey(items, check);
  if (!report.failures.empty() && !skip_changed) {
    if (report.failures.size() == 1) throw report.failures.front().error;
    std::string text = std::to_string(report.failures.size()) + " datasets cannot be taken back; nothing was written:";
    for (const auto& failure : report.failures) text += "\n  " + std::string(failure.error.what());
    throw Error(Exit::kPrecondition, text, "--skip-changed leaves them as they are and takes the others back.");
  }

  Plan plan;
  plan.target = "undo of " + record.run;
  journal.begin(plan, facts_.run, "", facts_.now_ms, seed_, record.run);
  History history(mongo_);
  RunStart begun;
  begun.run = facts_.run;
  begun.kind = "undo";
  begun.origin = settings_.origin;
  begun.from = record.database;
  begun.planned = static_cast<std::int64_t>(unchanged.size() + half_way.size());
  begun.details = Document{{"undoes", record.run}};
  for (const auto& [key, value] : settings_.details) begun.details.append(key, value);
  history.begin(begun);
  RunRecord own;
  own.run = facts_.run;
  own.now_ms = facts_.now_ms;
  own.seed = seed_;
  own.target = plan.target;
  own.undoes = record.run;
  own.services = settings_.services;
  const auto config = read_heads(mongo_).config;
  if (report.database) {
    own.config = config.value_or(Document());
    if (const auto* version = record.config->find("version"); version && version->as<std::string>()) {
      own.database = *version->as<std::string>();
    }
  }
  facts_.seq = residue.begin(std::move(own)).seq;
  const auto services = [&](const std::function<void()>& work) {
    if (!work) return;
    try {
      work();
    } catch (const Error& error) {
      if (error.code() != Exit::kUnreachable && error.code() != Exit::kLocked) {
        history.end(facts_.run, {state_after(error), 0, {}, {}, 0, error});
      }
      throw;
    }
  };
  services(settings_.before_writes);

  if (report.database) {
    if (record.config->empty()) {
      if (config) mongo_.remove("config", {*config->find("_id")});
    } else if (config) {
      mongo_.replace("config", {{Document{{"_id", *config->find("_id")}}, *record.config}});
    }
  }
  if (interrupted) resume(left->entries, record, report.failures, report.datasets);
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
  services(settings_.after_writes);
  residue.of_run(facts_.run, [&](const Image& image) { residue.settle({image}); });
  residue.undone(record.run, facts_.run);
  if (record.undoes) residue.undone(*record.undoes, std::nullopt);
  history.undone(record.run, facts_.run);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  RunEnd end;
  end.state = "done";
  end.done = static_cast<std::int64_t>(report.datasets);
  end.failures = report.failures;
  end.seconds = report.seconds;
  history.end(facts_.run, end);
  journal.end();
  return report;
}

}  // namespace fm
