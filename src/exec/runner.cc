#include "exec/runner.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <mutex>
#include <numeric>
#include <set>
#include <variant>

#include "base/pool.h"
#include "base/text.h"
#include "exec/batch_size.h"
#include "exec/database.h"
#include "exec/own_revisions.h"
#include "exec/repair.h"
#include "exec/residue.h"
#include "exec/residue_apply.h"
#include "exec/set_aside.h"
#include "exec/undo.h"
#include "ops/naming.h"
#include "ops/operation.h"

namespace fm {

using bson::Document;
using bson::Value;

namespace {

bool any_step(const Route& route, const std::function<bool(const ops::Step&)>& test) {
  return std::any_of(route.revisions.begin(), route.revisions.end(), [&](const Revision* revision) {
    const auto& steps = steps_of(*revision, route.direction);
    return std::any_of(steps.begin(), steps.end(), test);
  });
}

bool names_datasets(const ops::Step& step) {
  const auto* custom = std::get_if<ops::Custom>(&step.operation);
  return custom && custom->function->name == std::string_view("dataset_name");
}

std::vector<const ops::DropCollections*> drops_of(const Route& route) {
  std::vector<const ops::DropCollections*> out;
  for (const auto* revision : route.revisions) {
    for (const auto& step : steps_of(*revision, route.direction)) {
      if (const auto* drop = std::get_if<ops::DropCollections>(&step.operation)) out.push_back(drop);
    }
  }
  return out;
}

bool moves_down(const Route& route) {
  return route.direction == Direction::kDown &&
         std::any_of(route.revisions.begin(), route.revisions.end(),
                     [](const Revision* revision) { return revision->down_label != DownLabel::kExact; });
}

// Collects results that come in any order and hands them on in the order of the
// plan.
class InOrder {
 public:
  using Results = std::vector<BatchRunner::Result>;
  InOrder(std::size_t items, std::function<void(Results)> emit) : waiting_(items), emit_(std::move(emit)) {}

  void finish(const std::vector<std::size_t>& positions, Results results) {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < positions.size(); ++i) waiting_[positions[i]] = std::move(results[i]);
    Results next;
    for (; next_ < waiting_.size() && waiting_[next_]; ++next_) next.push_back(take(next_));
    if (!next.empty()) emit_(std::move(next));
  }
  // Nothing more will come: what has, whatever is missing in between.
  void close() {
    const std::lock_guard lock(mutex_);
    Results rest;
    for (; next_ < waiting_.size(); ++next_) {
      if (waiting_[next_]) rest.push_back(take(next_));
    }
    if (!rest.empty()) emit_(std::move(rest));
  }

 private:
  BatchRunner::Result take(std::size_t at) {
    auto result = std::move(*waiting_[at]);
    waiting_[at].reset();
    return result;
  }

  std::mutex mutex_;
  std::vector<std::optional<BatchRunner::Result>> waiting_;
  std::size_t next_ = 0;
  std::function<void(Results)> emit_;
};

using Work = void (BatchRunner::*)(const std::vector<BatchRunner::Item>&,
                                   const std::function<void(BatchRunner::Result)>&);

// Positions of items that a worker takes together.
using Batch = std::vector<std::size_t>;

void append_batches(const Batch& positions, std::size_t size, std::vector<Batch>& out) {
  for (std::size_t start = 0; start < positions.size(); start += size) {
    const auto begin = positions.begin() + static_cast<std::ptrdiff_t>(start);
    out.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(std::min(size, positions.size() - start)));
  }
}

// Small enough that every worker has several.
std::size_t shared_by(std::size_t jobs, std::size_t items) {
  return std::clamp<std::size_t>(items / (jobs * 4 + 1), 1, kBatch);
}

std::vector<Batch> as_they_come(std::size_t items, std::size_t jobs) {
  Batch all(items);
  std::iota(all.begin(), all.end(), std::size_t{0});
  std::vector<Batch> out;
  append_batches(all, shared_by(jobs, items), out);
  return out;
}

// Those first that wait for the server most, so that others fill the gaps. The
// others as they come, so that little waits to be told and what survey() kept goes.
std::vector<Batch> by_load(BatchRunner& runner, const std::vector<BatchRunner::Item>& items, std::size_t jobs) {
  // Enough to spread the round trips; they are large in memory.
  constexpr std::size_t kRefers = 32;
  Batch ready;
  Batch refers;
  Batch unknown;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto load = runner.load(items[i]);
    (load == BatchRunner::Load::kReady ? ready : load == BatchRunner::Load::kRefers ? refers : unknown).push_back(i);
  }
  std::vector<Batch> out;
  append_batches(refers, kRefers, out);
  const auto rest = static_cast<std::ptrdiff_t>(out.size());
  append_batches(ready, shared_by(jobs, ready.size()), out);
  append_batches(unknown, shared_by(jobs, unknown.size()), out);
  std::sort(out.begin() + rest, out.end(), [](const Batch& a, const Batch& b) { return a.front() < b.front(); });
  return out;
}

// Runs all items through `work` on several threads; results come in the order
// of the items. `seconds`: what the work itself took, without `emit`.
void in_batches(BatchRunner& runner, Work work, const std::vector<BatchRunner::Item>& items,
                const std::vector<Batch>& batches, std::size_t jobs, const std::function<void(InOrder::Results)>& emit,
                double* seconds = nullptr) {
  InOrder order(items.size(), emit);
  std::atomic<std::int64_t> busy = 0;  // nanoseconds, of all workers
  const auto one = [&](std::size_t number, std::size_t) {
    std::vector<BatchRunner::Item> part;
    std::map<std::string, std::size_t> position;
    for (const auto at : batches[number]) {
      position.emplace(id_key(items[at].id), at);
      part.push_back(items[at]);
    }
    std::vector<std::size_t> positions;
    InOrder::Results results;
    const auto start = std::chrono::steady_clock::now();
    const auto done = [&](BatchRunner::Result result) {
      positions.push_back(position.at(id_key(result.id)));
      results.push_back(std::move(result));
    };
    try {
      (runner.*work)(part, done);
    } catch (...) {
      // What was done before counts.
      order.finish(positions, std::move(results));
      throw;
    }
    const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - start;
    busy += took.count();
    order.finish(positions, std::move(results));
  };
  try {
    parallel_for(jobs, batches.size(), one);
  } catch (...) {
    order.close();
    throw;
  }
  if (seconds)
    *seconds = static_cast<double>(busy) / 1e9 / static_cast<double>(std::clamp<std::size_t>(batches.size(), 1, jobs));
}

// The collections of a run's bookkeeping. To make one takes the server as long as
// to migrate hundreds of datasets, waiting for its disk: they are made while the
// survey reads, and go again where it refuses the run.
class Bookkeeping {
 public:
  explicit Bookkeeping(Mongo& mongo)
      : mongo_(mongo), made_(std::async(std::launch::async, [&mongo] {
          const auto there = mongo.collection_names();
          std::vector<std::string> made;
          for (const auto* name : {Journal::kCollection, History::kCollection}) {
            if (there.contains(name)) continue;
            mongo.create(name, {});
            made.emplace_back(name);
          }
          return made;
        })) {}
  Bookkeeping(const Bookkeeping&) = delete;
  Bookkeeping& operator=(const Bookkeeping&) = delete;
  ~Bookkeeping() {
    if (!made_.valid()) return;
    try {
      for (const auto& name : made_.get()) mongo_.drop(name);
    } catch (const std::exception&) {
      // An empty collection of ours stays.
    }
  }
  void keep() { made_.get(); }

 private:
  Mongo& mongo_;
  std::future<std::vector<std::string>> made_;
};

}  // namespace

PassSettings passes_of(const RunSettings& settings, RunObserver& observer, std::mutex& one_at_a_time) {
  PassSettings out;
  out.range_size = settings.range_size;
  out.at_once = settings.jobs;
  out.control = settings.control;
  out.progress = [&](const std::string& name, std::int64_t done, std::int64_t total) {
    const std::lock_guard lock(one_at_a_time);
    observer.collection(name, done, total);
  };
  return out;
}

Error with_counts(const Error& error, std::size_t done, std::size_t planned, Journal& journal) {
  auto text = std::string(error.what()) + ": " + format_count(static_cast<std::int64_t>(done)) + " of " +
              format_count(static_cast<std::int64_t>(planned)) + " datasets are done";
  const auto half_way = journal.entries();
  if (half_way > 0) text += ", " + format_count(half_way) + " half-way and closed to clients until it goes on";
  return {error.code(), text, error.remedy(), error.type()};
}

Runner::Runner(Mongo& mongo, const Catalogue& catalogue, std::int64_t now_ms, std::string seed, RunSettings settings,
               RunObserver& observer)
    : mongo_(mongo),
      catalogue_(catalogue),
      facts_(facts_of(now_ms, seed)),
      seed_(std::move(seed)),
      settings_(std::move(settings)),
      observer_(observer) {}

BatchRunner& Runner::batches() {
  if (!batches_) {
    BatchSettings settings;
    settings.record_displaced = !settings_.allow_loss;
    settings.undo_log = settings_.undo_log;
    settings.passes = passes_of(settings_, observer_, progress_);
    batches_ = std::make_unique<BatchRunner>(mongo_, catalogue_, facts_, std::move(settings));
  }
  return *batches_;
}

std::vector<BatchRunner::Item> Runner::items(const Plan& plan, const Heads& heads,
                                             const std::vector<DatasetFailure>& refused) const {
  std::set<std::string> names;
  for (const auto& failure : refused) names.insert(failure.id);
  std::vector<BatchRunner::Item> out;
  for (const auto& move : plan.datasets) {
    const auto& id = heads.datasets[move.head].id;
    if (!names.contains(id_key(id))) out.push_back({id, &plan.routes[move.route]});
  }
  return out;
}

// Names are chosen one after another, in the order of the plan, each seeing
// those before it (0.19.0).
void Runner::choose_names(const Plan& plan, const Heads& heads, const std::vector<DatasetFailure>& refused) {
  facts_.namings.clear();
  const auto renames = [](const Route& route) {
    return route.direction == Direction::kUp && any_step(route, names_datasets);
  };
  std::vector<bool> renaming;
  for (const auto& route : plan.routes) renaming.push_back(renames(route));
  if (std::find(renaming.begin(), renaming.end(), true) == renaming.end()) return;

  ops::NameBook book(facts_.now_ms);
  std::map<std::string, std::optional<Value>> unnamed;  // datasets without a slug
  FindOptions options;
  options.projection = Document{{"name", 1}, {"slug", 1}};
  mongo_.find("datasets", {}, options, [&](bson::View view) {
    const auto name = view.get("name");
    const auto slug = view.get("slug");
    book.add(name ? &*name : nullptr, slug ? &*slug : nullptr);
    if (!slug) unnamed.emplace(id_key(*view.get("_id")), name);
  });
  std::set<std::string> left_out;
  for (const auto& failure : refused) left_out.insert(failure.id);
  for (const auto& move : plan.datasets) {
    const auto key = id_key(heads.datasets[move.head].id);
    const auto found = unnamed.find(key);
    if (!renaming[move.route] || found == unnamed.end() || left_out.contains(key)) continue;
    facts_.namings.emplace(key, book.choose(found->second ? &*found->second : nullptr));
  }
}

Survey Runner::survey(const Plan& plan, const DatabaseHeads& heads, bool measure) {
  choose_names(plan, heads.heads, {});
  const auto all = items(plan, heads.heads, {});
  SurveyBuilder builder(mongo_, measure, settings_.undo_log);
  observer_.phase("checking", all.size());
  std::size_t checked = 0;
  double seconds = 0;
  in_batches(
      batches(), &BatchRunner::survey, all, as_they_come(all.size(), settings_.jobs), settings_.jobs,
      [&](InOrder::Results results) {
        for (auto& result : results) builder.add(std::move(result));
        checked += results.size();
        observer_.datasets_done(checked);
      },
      &seconds);
  auto out = std::move(builder).take();
  out.checking_seconds = seconds;
  if (!measure) return out;
  std::set<std::string> drops;
  for (const auto* routes : {&plan.database, &plan.routes}) {
    for (const auto& route : *routes) {
      for (const auto* drop : drops_of(route)) {
        for (auto& name : droppable(mongo_, *drop)) drops.insert(std::move(name));
      }
    }
  }
  out.drops.assign(drops.begin(), drops.end());
  return out;
}

bool Runner::needs_survey(const Plan& plan) const {
  return std::any_of(plan.routes.begin(), plan.routes.end(), [&](const Route& route) {
    return any_step(route, ops::is_guard) || (!settings_.allow_loss && moves_down(route));
  });
}

std::size_t Runner::drop_orphans(const ops::DropCollections& step) {
  const auto orphans = droppable(mongo_, step);
  if (!settings_.undo_log) {
    drop_unreferenced(mongo_, orphans);
    return orphans.size();
  }
  const auto stay = set_aside(mongo_, facts_.run, orphans);
  for (const auto& name : stay) {
    observer_.message({ops::Message::Level::kWarning, "Collection '" + name +
                                                          "', which no dataset names, cannot be renamed to be kept "
                                                          "for undo, and stays"});
  }
  return orphans.size() - stay.size();
}

void Runner::run_database(const Plan& plan, const DatabaseHeads& heads) {
  for (const auto& route : plan.database) {
    const auto direction = route.direction == Direction::kUp ? "up" : "down";
    if (!route.revisions.empty()) {
      observer_.message({ops::Message::Level::kInfo, "Migrating database to v" + route.to});
    }
    for (const auto* revision : route.revisions) {
      if (settings_.verbose) {
        observer_.message(
            {ops::Message::Level::kInfo, "Running v" + revision->text + " " + direction + " admin migration"});
      }
    }
    for (const auto* drop : drops_of(route)) {
      if (const auto n = drop_orphans(*drop); n > 0) {
        observer_.message({ops::Message::Level::kInfo,
                           "Dropping " + std::to_string(n) +
                               " orphan collections that were unintentionally left behind when datasets were deleted"});
      }
    }
  }
  if (!plan.database.empty() || plan.save_database_version) write_config(mongo_, heads, plan.database_version);
}

std::vector<DatasetFailure> Runner::too_large(const Plan& plan, const Heads& heads) {
  std::set<std::string> planned;
  for (const auto& move : plan.datasets) planned.insert(id_key(heads.datasets[move.head].id));
  const Document size{{"$bsonSize", "$$ROOT"}};
  const bson::Array both{size, static_cast<std::int64_t>(Residue::kLargest)};
  std::vector<DatasetFailure> out;
  mongo_.find("datasets", Document{{"$expr", Document{{"$gt", both}}}}, {}, [&](bson::View view) {
    const auto dataset = view.decode();
    const auto key = id_key(*dataset.find("_id"));
    if (!planned.contains(key)) return;
    const auto name = shown_name(dataset);
    try {
      Residue::check("Dataset '" + name + "'", view.copy());
    } catch (const Error& error) {
      out.push_back({name, error, true, key});
    }
  });
  return out;
}

RunReport Runner::run(const Plan& plan, const DatabaseHeads& heads) {
  const auto start = std::chrono::steady_clock::now();
  RunReport report;
  report.undo_log = settings_.undo_log;
  report.run = facts_.run;
  std::vector<DatasetFailure> refused;
  for (const auto& refusal : plan.refused) {
    const auto id = refusal.head ? id_key(heads.heads.datasets[*refusal.head].id) : std::string();
    refused.push_back({refusal.name, refusal.error, true, id});
  }
  std::optional<Bookkeeping> bookkeeping;
  if (needs_survey(plan) || batches().has_views()) {
    bookkeeping.emplace(mongo_);
    auto survey_result = survey(plan, heads, false);
    for (auto& failure : survey_result.refused) refused.push_back(std::move(failure));
    report.losses = std::move(survey_result.losses);
  }
  if (settings_.undo_log) {
    for (auto& failure : too_large(plan, heads.heads)) {
      const auto same = [&](const DatasetFailure& other) { return other.id == failure.id; };
      if (std::none_of(refused.begin(), refused.end(), same)) refused.push_back(std::move(failure));
    }
  }
  if (!refused.empty() && settings_.refuse_all) {
    if (refused.size() == 1) throw refused.front().error;
    std::string text = std::to_string(refused.size()) + " datasets cannot be migrated; nothing was written:";
    for (const auto& failure : refused) text += "\n  " + std::string(failure.error.what());
    throw Error(refused.front().error.code(), text,
                "Leave them out with -n, or let the others go with --error-level 1.", refused.front().error.type());
  }
  if (!report.losses.empty() && !settings_.allow_loss && !settings_.undo_log) {
    std::string text = "Going down to v" + plan.target + " removes values for good:";
    for (const auto& loss : report.losses) {
      text += "\n  v" + loss.revision + "  " + format_count(loss.values) + " " + loss.what + " in " +
              format_count(loss.datasets) + (loss.datasets == 1 ? " dataset" : " datasets");
    }
    throw Error(Exit::kIncompatible, text,
                "Leave the undo log on, or back the database up and repeat the command with --allow-loss.");
  }
  for (const auto& failure : refused) observer_.failure(failure);
  report.failures = refused;

  if (bookkeeping) bookkeeping->keep();
  Journal journal(mongo_);
  journal.begin(plan, facts_.run, settings_.request, facts_.now_ms, seed_);
  History history(mongo_);
  auto entry = start_of_migration(facts_.run, settings_.origin, plan, heads.heads);
  entry.details = settings_.details;
  history.begin(entry);
  const auto ended = [&](const std::string& state, const std::optional<Error>& error) {
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    history.end(facts_.run, {state, static_cast<std::int64_t>(report.datasets_done), report.failures, report.losses,
                             report.seconds, error});
  };
  try {
    keep_run(plan, heads);
    if (settings_.before_writes) settings_.before_writes();
    write(plan, heads, refused, report);
    const auto failed = [](const DatasetFailure& failure) { return !failure.refused; };
    if (settings_.after_writes && std::none_of(report.failures.begin(), report.failures.end(), failed)) {
      settings_.after_writes();
    }
    ended("done", std::nullopt);
  } catch (const Error& error) {
    const auto said =
        is_stop(error.code()) ? with_counts(error, report.datasets_done, plan.datasets.size(), journal) : error;
    note_end(said, [&] { ended(state_after(said), said); });
    throw said;
  }
  const auto failed = [](const DatasetFailure& failure) { return !failure.refused; };
  if (settings_.undo_log && std::any_of(report.failures.begin(), report.failures.end(), failed)) {
    Residue(mongo_).drop_unwritten(facts_.run);
  }
  journal.end();
  return report;
}

void Runner::write(const Plan& plan, const DatabaseHeads& heads, const std::vector<DatasetFailure>& refused,
                   RunReport& report) {
  run_database(plan, heads);
  if (!refused.empty() || settings_.before_writes) {
    // Names are chosen among fewer datasets now, or services have given some back.
    choose_names(plan, heads.heads, refused);
    batches().forget_survey();
  } else if (facts_.namings.empty()) {
    choose_names(plan, heads.heads, refused);
  }
  run_datasets(plan, heads.heads, items(plan, heads.heads, refused), report);
  check_arrival(plan, report);
}

void Runner::keep_run(const Plan& plan, const DatabaseHeads& heads) {
  if (!settings_.undo_log) return;
  auto record = record_of(facts_.run, facts_.now_ms, seed_, plan.target);
  record.services = settings_.services;
  record.own = own_revisions(plan);
  if (!plan.database.empty() || plan.save_database_version) {
    record.config = heads.config.value_or(Document());
    record.database = plan.database_version;
  }
  facts_.seq = Residue(mongo_).begin(std::move(record)).seq;
}

void Runner::account(const BatchRunner::Result& result, RunReport& report) {
  observer_.about(result.name);
  for (const auto& message : result.messages) observer_.message(message);
  observer_.about("");
  if (!result.failure) {
    ++report.datasets_done;
    add_given(result, report.given);
    return;
  }
  report.failures.push_back({result.name, *result.failure, false, id_key(result.id)});
  observer_.failure(report.failures.back());
}

RunReport Runner::roll_forward(const Journal::Unfinished& left) {
  auto report = finish(left);
  Residue(mongo_).drop_unwritten(left.run);
  return report;
}

RunReport Runner::finish(const Journal::Unfinished& left) {
  facts_.run = left.run;
  if (left.target == kRepairTarget) {
    return Repair(mongo_, catalogue_, left.now_ms, left.seed, settings_, observer_).finish(left);
  }
  Residue residue(mongo_);
  const auto record = residue.run(left.run);
  settings_.undo_log = record.has_value();
  facts_.seq = record ? record->seq : 0;
  if (left.target == GiveBack::kKind) {
    return GiveBack(mongo_, catalogue_, left.now_ms, left.seed, settings_, observer_).finish(left);
  }
  if (!left.undoes.empty()) {
    const auto undone = residue.run(left.undoes);
    if (!undone)
      throw Error(Exit::kFailed, "The undo log of run " + left.undoes + " is gone, in the middle of its undo");
    return Undo(mongo_, catalogue_, left.now_ms, left.seed, settings_, observer_).finish(left, *undone);
  }
  require_own_revisions(left.own, catalogue_, left.run);
  facts_.namings.clear();
  std::map<std::pair<std::string, std::string>, Route> routes;
  std::vector<std::pair<Journal::Entry, const Route*>> entries;
  for (const auto& entry : left.entries) {
    auto& route = routes[{entry.from, entry.to}];
    if (route.to.empty()) route = make_route(catalogue_, catalogue_.datasets, entry.from, entry.to);
    entries.emplace_back(entry, &route);
    if (entry.naming) facts_.namings.emplace(id_key(entry.dataset), *entry.naming);
  }
  RunReport report;
  if (!entries.empty()) observer_.phase("finishing", entries.size());
  batches().resume(entries, [&](const BatchRunner::Result& result) {
    if (result.gone) return;
    account(result, report);
    observer_.datasets_done(report.datasets_done);
  });
  // Those that were switched and not settled.
  if (record) {
    residue.of_run(left.run, [&](const Image& image) {
      if (image.consumed.empty()) return;
      const auto dataset = mongo_.find_one("datasets", Document{{"_id", image.document}});
      const auto* version = dataset ? dataset->find("version") : nullptr;
      if (version && *version == Value(image.to)) residue.settle({image});
    });
  }
  // Whoever goes on with the run says so.
  History(mongo_).end(left.run,
                      {"interrupted", static_cast<std::int64_t>(report.datasets_done), report.failures, {}, 0});
  return report;
}

void Runner::run_datasets(const Plan& plan, const Heads&, const std::vector<BatchRunner::Item>& all,
                          RunReport& report) {
  // A dataset revision may also work on the list of collections: once a run.
  std::set<const ops::DropCollections*> dropped;
  for (const auto& route : plan.routes) {
    for (const auto* drop : drops_of(route)) {
      if (dropped.insert(drop).second) drop_orphans(*drop);
    }
  }
  observer_.phase("migrating", all.size());
  std::size_t finished = 0;
  const auto parts = by_load(batches(), all, settings_.jobs);
  in_batches(batches(), &BatchRunner::run, all, parts, settings_.jobs, [&](const InOrder::Results& results) {
    const std::lock_guard lock(progress_);
    for (auto& result : results) {
      ++finished;
      if (result.gone) continue;
      observer_.about(result.name);
      if (!result.route->revisions.empty()) {
        observer_.message(
            {ops::Message::Level::kInfo, "Migrating dataset '" + result.name + "' to v" + result.route->to});
      }
      if (settings_.verbose) {
        const char* direction = result.route->direction == Direction::kUp ? "up" : "down";
        for (const auto* revision : result.route->revisions) {
          observer_.message(
              {ops::Message::Level::kInfo, "Running v" + revision->text + " " + direction + " migration"});
        }
      }
      account(result, report);
    }
    observer_.datasets_done(finished);
  });
}

// Another client may have moved the database meanwhile: told, not fought over.
void Runner::check_arrival(const Plan& plan, RunReport& report) {
  if (plan.database.empty()) return;
  const auto version = read_database_version(mongo_);
  if (version == plan.database_version) return;
  report.failures.push_back(
      {"(database)",
       Error(Exit::kPartial,
             "The database is at v" + version.value_or("(none)") + " although it was migrated to v" +
                 plan.database_version + ": another client changed it",
             "Stop the other clients and run the same command again."),
       false, ""});
  observer_.failure(report.failures.back());
}

}  // namespace fm
