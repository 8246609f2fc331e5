#include "exec/residue_apply.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "base/error.h"
#include "exec/history.h"

namespace fm {

using bson::Document;

namespace {

GivenBack given_back(const BatchRunner::Result& result) {
  GivenBack out;
  out.id = result.id;
  out.name = result.name;
  out.version = result.route->to;
  for (const auto& [revision, path] : result.restored) out.values.push_back({revision, path});
  for (const auto& [revision, path] : result.kept) out.kept.push_back({revision, path});
  out.members = result.members;
  out.worth_writing = result.closes || out.members.changed > 0 || !out.values.empty();
  return out;
}

}  // namespace

GiveBack::GiveBack(Mongo& mongo, const Catalogue& catalogue, std::int64_t now_ms, std::string seed,
                   RunSettings settings, RunObserver& observer)
    : mongo_(mongo),
      catalogue_(catalogue),
      facts_(facts_of(now_ms, seed)),
      seed_(std::move(seed)),
      settings_(std::move(settings)),
      observer_(observer) {}

BatchRunner& GiveBack::batches() {
  if (!batches_) {
    BatchSettings settings;
    settings.undo_log = true;
    settings.give_back = true;
    settings.passes = passes_of(settings_, observer_, progress_);
    batches_ = std::make_unique<BatchRunner>(mongo_, catalogue_, facts_, std::move(settings));
  }
  return *batches_;
}

const Route* GiveBack::stay_at(const std::string& version) {
  return &routes_.try_emplace(version, Route{version, version, Direction::kUp, {}, true}).first->second;
}

std::vector<BatchRunner::Item> GiveBack::items(const std::vector<Waiting>& datasets) {
  std::vector<BatchRunner::Item> out;
  for (const auto& dataset : datasets) out.push_back({dataset.id, stay_at(dataset.version)});
  return out;
}

GiveBackReport GiveBack::survey(const std::vector<Waiting>& datasets) {
  GiveBackReport report;
  std::map<std::string, std::string> names;
  for (const auto& dataset : datasets) names.emplace(id_key(dataset.id), dataset.name);
  observer_.phase("checking", datasets.size());
  std::size_t looked_at = 0;
  batches().survey(items(datasets), [&](BatchRunner::Result result) {
    observer_.datasets_done(++looked_at);
    if (result.gone) {
      report.deleted.push_back(names.at(id_key(result.id)));
    } else if (result.failure) {
      report.failures.push_back({result.name, *result.failure, true, id_key(result.id)});
    } else {
      report.datasets.push_back(given_back(result));
    }
  });
  return report;
}

GiveBackReport GiveBack::run(const std::vector<Waiting>& datasets) {
  const auto start = std::chrono::steady_clock::now();
  auto report = survey(datasets);
  std::set<std::string> worth;
  for (const auto& one : report.datasets) {
    if (one.worth_writing) worth.insert(id_key(one.id));
  }
  auto all = items(datasets);
  std::erase_if(all, [&](const BatchRunner::Item& item) { return !worth.contains(id_key(item.id)); });
  if (all.empty()) return report;
  report.run = facts_.run;

  Plan plan;
  plan.target = kKind;
  Journal journal(mongo_);
  journal.begin(plan, facts_.run, settings_.request, facts_.now_ms, seed_);
  History history(mongo_);
  RunStart begun;
  begun.run = facts_.run;
  begun.kind = kKind;
  begun.origin = settings_.origin;
  begun.from = begun.to = read_database_version(mongo_).value_or("");
  begun.planned = static_cast<std::int64_t>(all.size());
  history.begin(begun);
  Residue residue(mongo_);
  facts_.seq = residue.begin(record_of(facts_.run, facts_.now_ms, seed_, kKind)).seq;

  observer_.phase("giving back", all.size());
  std::size_t finished = 0;
  std::size_t done = 0;
  RunEnd end;
  const auto ended = [&](const std::string& state, const std::optional<Error>& error) {
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    history.end(facts_.run, {state, static_cast<std::int64_t>(done), report.failures, {}, report.seconds, error});
  };
  try {
    batches().run(all, [&](BatchRunner::Result result) {
      observer_.datasets_done(++finished);
      if (result.failure) {
        report.failures.push_back({result.name, *result.failure, false, id_key(result.id)});
        std::erase_if(report.datasets, [&](const GivenBack& one) { return one.id == result.id; });
      } else if (!result.gone) {
        ++done;
      }
    });
  } catch (const Error& error) {
    note_end(error, [&] { ended(state_after(error), error); });
    throw;
  }
  ended("done", std::nullopt);
  journal.end();
  return report;
}

RunReport GiveBack::finish(const Journal::Unfinished& left) {
  RunReport report;
  facts_.run = left.run;
  Residue residue(mongo_);
  const auto own = residue.run(left.run);
  facts_.seq = own ? own->seq : 0;
  std::vector<std::pair<Journal::Entry, const Route*>> entries;
  for (const auto& entry : left.entries) entries.emplace_back(entry, stay_at(entry.from));
  batches().resume(entries, [&](BatchRunner::Result result) {
    if (result.gone) return;
    if (result.failure) {
      report.failures.push_back({result.name, *result.failure, false, id_key(result.id)});
    } else {
      ++report.datasets_done;
    }
  });
  // Those that were switched and not settled.
  residue.of_run(left.run, [&](const Image& image) {
    if (image.consumed.empty() || !image.after) return;
    const auto dataset = mongo_.find_one("datasets", Document{{"_id", image.document}});
    if (dataset && *dataset == *image.after) residue.settle({image});
  });
  History(mongo_).end(left.run,
                      {"interrupted", static_cast<std::int64_t>(report.datasets_done), report.failures, {}, 0});
  return report;
}

}  // namespace fm
