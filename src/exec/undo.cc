#include "exec/undo.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "base/error.h"
#include "bson/read.h"
#include "exec/database.h"
#include "exec/own_revisions.h"
#include "exec/residue_apply.h"
#include "exec/set_aside.h"
#include "exec/undo_repair.h"
#include "exec/verify_document.h"
#include "store/lease.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr const char* kSkip = "--skip-changed leaves them as they are and takes the others back.";

Error refusal(const std::vector<DatasetFailure>& failures, const std::string& remedy) {
  if (failures.size() == 1) return {failures.front().error.code(), failures.front().error.what(), remedy};
  std::string text = std::to_string(failures.size()) + " datasets cannot be taken back; nothing was written:";
  for (const auto& failure : failures) text += "\n  " + std::string(failure.error.what());
  return {Exit::kPrecondition, text, remedy};
}

// A run over media paths has an undo of its own.
void refuse_media_run(Mongo& mongo, const std::string& run) {
  for (const auto& one : History(mongo).runs()) {
    const auto id = bson::text_at(one, "_id");
    const auto kind = bson::text_at(one, "kind");
    if (!id.starts_with(run) || !kind.starts_with("media ")) continue;
    throw Error(Exit::kNotFound, "Run '" + id + "' is a " + kind + ", which undo does not take back",
                "`fiftyone-migrator media undo " + id + "` does.");
  }
}

}  // namespace

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
  const auto begins = [&](const RunRecord& one) { return one.run.starts_with(run); };
  if (run != "last" && std::none_of(runs.begin(), runs.end(), begins)) refuse_media_run(mongo, run);
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

std::optional<UndoReport> Undo::unsaid(Mongo& mongo, const std::string& run) {
  const auto holder = lease_holder(mongo);
  if (!holder || holder->live() || holder->ended.empty() || Journal(mongo).unfinished()) return std::nullopt;
  const auto by = Residue(mongo).run(holder->ended);
  if (!by || !by->undoes || (run != "last" && !by->undoes->starts_with(run))) return std::nullopt;
  UndoReport report;
  report.run = *by->undoes;
  report.by = by->run;
  report.repair = by->repair;
  report.database = by->config.has_value();
  const auto told = mongo.find_one(History::kCollection, Document{{"_id", by->run}}).value_or(Document());
  report.datasets = static_cast<std::size_t>(bson::integer_at(told, "datasets.done"));
  report.documents = bson::integer_at(told, "documents");
  if (const auto* seconds = told.find("seconds"); seconds && seconds->as<double>()) {
    report.seconds = *seconds->as<double>();
  }
  const auto* failures = told.find("failures");
  const auto* list = failures ? failures->as<Array>() : nullptr;
  for (std::size_t i = 0; list && i < list->size(); ++i) {
    const auto* one = (*list)[i].as<Document>();
    if (!one) continue;
    report.failures.push_back({bson::text_at(*one, "dataset"), Error(Exit::kPartial, bson::text_at(*one, "message")),
                               one->has("refused") && one->find("refused")->truthy(), ""});
  }
  report.changed = static_cast<std::int64_t>(report.failures.size());
  return report;
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

std::string Undo::close(Mongo& mongo, const std::string& run) {
  note_ended(mongo, run);
  try {
    Journal(mongo).end();
    return "";
  } catch (const Error& error) {
    // The same command again would take this undo back.
    return std::string("Everything is taken back, but the journal may still be there: ") + error.what() +
           ". The next run removes it.";
  }
}

std::string Undo::target(const RunRecord& record) { return "undo of " + record.run; }

std::vector<Undo::Touched> Undo::touched(const RunRecord& record) {
  std::vector<Touched> out;
  Residue(mongo_).of_run(record.run, [&](Image image) {
    if (image.service != "datasets" || !image.before) return;
    const auto* back = batches(record).way_back(image);
    auto samples = bson::text_at(*image.before, "sample_collection_name");
    auto before = image.from == image.to ? std::move(image.before) : std::nullopt;
    out.push_back({std::move(image.document), std::move(image.name), back, std::move(before), !image.open.empty(),
                   std::move(samples)});
  });
  return out;
}

bool Undo::check_config(const RunRecord& record, bool skip_changed, UndoReport& report) {
  if (!record.config) return false;
  const auto now = read_heads(mongo_).config;
  const auto* found = now ? now->find("version") : nullptr;
  const auto version = found && found->as<std::string>() ? *found->as<std::string>() : std::string();
  if (now ? *now == *record.config : record.config->empty()) return false;
  if (version == record.database) return true;
  const Error error(Exit::kPrecondition,
                    "The database is at " + (version.empty() ? "no stored version" : "v" + version) +
                        ", and that run left it at v" + record.database,
                    "--skip-changed leaves its version as it is and takes the datasets back.");
  if (!skip_changed) throw error;
  report.failures.push_back({"(database)", error, true, ""});
  return false;
}

void Undo::require_first_run(const RunRecord& record) {
  Residue residue(mongo_);
  for (auto undoes = record.undoes; undoes;) {
    const auto run = residue.run(*undoes);
    if (!run) {
      throw Error(Exit::kPrecondition,
                  "Run " + record.run + " cannot be taken back: what run " + *undoes +
                      " kept was removed, and it is "
                      "needed to do its work again",
                  "`migrate` takes the datasets to the version that they are to have.");
    }
    undoes = run->undoes;
  }
}

std::vector<std::pair<Journal::Entry, const Route*>> Undo::ways_of(const std::vector<Journal::Entry>& entries,
                                                                   const RunRecord& record) {
  Array ids;
  for (const auto& entry : entries) ids.append(entry.dataset);
  const auto images = Residue(mongo_).images(record.run, "datasets", "datasets", ids);
  std::vector<std::pair<Journal::Entry, const Route*>> ways;
  for (const auto& entry : entries) {
    const auto image = images.find(id_key(entry.dataset));
    if (image != images.end()) ways.emplace_back(entry, batches(record).way_back(image->second));
  }
  return ways;
}

void Undo::resume(const std::vector<Journal::Entry>& entries, const RunRecord& record,
                  std::vector<DatasetFailure>& failures, std::size_t& done, bool own) {
  const auto ways = ways_of(entries, record);
  std::set<std::string> kept;
  for (const auto& [entry, way] : ways) kept.insert(id_key(entry.dataset));
  for (const auto& entry : entries) {
    if (kept.contains(id_key(entry.dataset)) ||
        mongo_.find_one("datasets", Document{{"_id", entry.dataset}, {"version", kParkedVersion}})) {
      continue;
    }
    Journal(mongo_).leave(entry.dataset);  // it had not been begun
  }
  const auto count = [&](BatchRunner::Result result) {
    if (result.gone) return;
    if (result.failure) {
      failures.push_back({result.name, *result.failure, false, id_key(result.id)});
    } else {
      ++done;
    }
  };
  batches(record).resume(ways, count, own);
}

RunReport Undo::finish(const Journal::Unfinished& left, const RunRecord& record) {
  require_own_revisions(record.own, catalogue_, record.run);
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
  resume(left.entries, record, report.failures, report.datasets_done, true);
  // Those that are back and were not settled: else they look lifted by others.
  Residue residue(mongo_);
  residue.of_run(left.run, [&](const Image& image) {
    if (!image.after || (image.consumed.empty() && image.revived.empty())) return;
    const auto dataset = mongo_.find_one("datasets", Document{{"_id", image.document}});
    if (dataset && *dataset == *image.after) residue.settle({image});
  });
  return report;
}

std::vector<BatchRunner::Item> Undo::to_take_back(const RunRecord& record, const std::set<std::string>& half_way,
                                                  bool interrupted, std::vector<Waiting>& lifted, UndoReport& report) {
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
  std::set<std::string> unwritten;
  if (interrupted) {
    for (const auto& id : Residue(mongo_).unwritten(record.run)) unwritten.insert(id_key(id));
  }
  const auto samples = samples_of_datasets(mongo_);
  const auto waits = [&](const Touched& one, const std::string& key) {
    const auto own = samples.find(key);
    return one.waits && !unwritten.contains(key) && own != samples.end() && own->second == one.samples;
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
    if (!is_back(one, found->second)) {
      items.push_back({one.id, one.back});
    } else if (waits(one, key)) {
      lifted.push_back({one.id, one.name, found->second.value_or("0.0"), {}, {}});
    }
  }
  return items;
}

bool Undo::name_lifted(const std::vector<Waiting>& lifted, UndoReport& report) {
  if (lifted.empty()) return false;
  bool any = false;
  const auto found = GiveBack(mongo_, catalogue_, facts_.now_ms, seed_, settings_, observer_).survey(lifted);
  const auto name = [&](const bson::Value& id, const std::string& dataset, const std::string& why) {
    const auto text = "Dataset '" + dataset + "' was taken up by another client since that run, and " + why;
    report.failures.push_back({dataset, Error(Exit::kPrecondition, text, kSkip), true, id_key(id)});
  };
  for (const auto& one : found.datasets) {
    std::vector<std::string> edited;
    for (const auto& value : one.kept) edited.push_back(value.path);
    if (one.members.edited > 0) edited.push_back(one.members.example);
    any = any || one.worth_writing || edited.empty();
    name(one.id, one.name,
         one.worth_writing || edited.empty()
             ? "what it had waits in the undo log"
             : "of what it had all is back but what was edited since: " + some_of(edited));
  }
  for (const auto& failure : found.failures) report.failures.push_back(failure);
  return any;
}

UndoReport Undo::run(const RunRecord& record, bool skip_changed, std::size_t finished) {
  const auto start = std::chrono::steady_clock::now();
  UndoReport report;
  report.run = record.run;
  report.by = facts_.run;
  report.datasets = finished;
  if (record.undone_by && *record.undone_by != facts_.run) {
    throw Error(Exit::kPrecondition, "Run " + record.run + " was taken back already, by " + *record.undone_by,
                "`undo " + *record.undone_by + "` does it again.");
  }
  if (record.repair) return UndoRepair(mongo_, facts_, seed_, settings_, observer_).run(record, skip_changed);
  require_first_run(record);
  require_own_revisions(record.own, catalogue_, record.run);
  Journal journal(mongo_);
  const auto left = journal.unfinished();
  const bool interrupted = left && left->run == record.run;
  const bool goes_on = left && left->run == facts_.run;
  const auto entries = interrupted ? left->entries : std::vector<Journal::Entry>();
  std::set<std::string> half_way;
  for (const auto& entry : entries) half_way.insert(id_key(entry.dataset));
  for (const auto& [entry, way] : ways_of(entries, record)) BatchRunner::require_revisions(entry, *way);

  std::vector<Waiting> lifted;
  const auto items = to_take_back(record, half_way, interrupted, lifted, report);
  const bool waits = name_lifted(lifted, report);
  report.database = check_config(record, skip_changed, report);
  add_left(report);
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
  const auto aside = collections_set_aside(mongo_, record.run);
  // The database's version alone is not worth a run.
  const bool any = goes_on || !unchanged.empty() || !entries.empty() || !aside.empty() || !settings_.services.empty();
  if (!report.failures.empty() && (!skip_changed || !any)) {
    // Where nothing but edited values is left of the run, nothing can be taken back of it.
    const bool spent = !any && !waits && report.failures.size() == lifted.size();
    throw refusal(report.failures,
                  waits ? std::string("`fiftyone-migrator residue apply` gives back what waits.") + (any ? " " : "") +
                              (any ? kSkip : "")
                  : spent ? "Nothing else of that run is to be taken back. `fiftyone-migrator residue prune --run " +
                                record.run + "` removes what it kept; then nothing waits any more."
                  : skip_changed                ? "Take later runs back first: `history` lists them."
                  : report.failures.size() == 1 ? report.failures.front().error.remedy()
                                                : kSkip);
  }

  const auto heads = read_heads(mongo_);
  const auto version_of = [](const std::optional<Document>& config) {
    return config ? bson::text_at(*config, "version") : std::string();
  };
  // Whoever goes on must not take them for lifted ones.
  if (interrupted) Residue(mongo_).drop_unwritten(record.run);
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
  const auto planned = unchanged.size() + entries.size() + finished;
  begun.planned = static_cast<std::int64_t>(planned);
  if (interrupted) history.note_done(record.run, begun.planned);
  std::map<std::pair<std::string, std::string>, std::int64_t> ways;
  for (const auto& item : unchanged) ++ways[{item.route->from, item.route->to}];
  for (const auto& [way, datasets] : ways) begun.ways.push_back({way.first, way.second, datasets});
  begun.details = Document{{"undoes", record.run}};
  for (const auto& [key, value] : settings_.details) begun.details.append(key, value);
  history.begin(begun);
  auto own = record_of(facts_.run, facts_.now_ms, seed_, plan.target);
  own.undoes = record.run;
  own.services = settings_.services;
  own.own = record.own;
  if (report.database) {
    own.config = heads.config.value_or(Document());
    own.database = begun.to;
  }
  for (const auto& one : aside) own.brought_back.push_back(one.name);
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
    if (report.database) take_config_back(mongo_, heads.config, *record.config);
    write(record, entries, unchanged, report);
    set_aside(mongo_, facts_.run, record.brought_back);
  } catch (const Error& error) {
    const auto said = is_stop(error.code()) ? with_counts(error, report.datasets, planned, journal) : error;
    note_end(said, [&] { ended(state_after(said), said); });
    throw said;
  }
  if (report.failures.empty()) {
    history.undone(record.run, facts_.run);
    if (record.undoes) history.undone(*record.undoes, std::nullopt);
  }
  ended("done", std::nullopt);
  report.left = close(mongo_, facts_.run);
  return report;
}

void Undo::add_left(UndoReport& report) {
  if (!settings_.take_left) return;
  for (auto& one : settings_.take_left()) report.failures.push_back(std::move(one));
}

void Undo::write(const RunRecord& record, const std::vector<Journal::Entry>& half_way,
                 const std::vector<BatchRunner::Item>& unchanged, UndoReport& report) {
  if (!half_way.empty()) resume(half_way, record, report.failures, report.datasets, false);
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
  add_left(report);
  Residue residue(mongo_);
  residue.of_run(facts_.run, [&](const Image& image) { residue.settle({image}); });
  if (!report.failures.empty()) return;  // it can be taken back again, for the rest
  residue.undone(record.run, facts_.run);
  if (record.undoes) residue.undone(*record.undoes, std::nullopt);
}

}  // namespace fm
