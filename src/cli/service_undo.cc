#include "cli/service_undo.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "cli/service_migration.h"
#include "cli/services.h"
#include "exec/restore_mark.h"
#include "exec/rights.h"

namespace fm::cli {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr std::size_t kMostNamed = 20;

// "": where no version was written down.
std::string stored_at(const std::string& version) { return version.empty() ? "no stored version" : "v" + version; }

// Whether the run went to the second database, whose settings it needs then.
bool with_cas(const RunRecord& run, const Settings& settings) {
  const std::string cas = name_of(Service::kCas);
  const auto has = [&](const std::vector<std::string>& services) {
    return std::ranges::find(services, cas) != services.end();
  };
  if (!has(run.services.up) && !has(run.services.down)) return false;
  Chosen chosen;
  chosen.services = {Service::kCas, Service::kDatasets};
  require_settings(chosen, settings, false);
  return true;
}

}  // namespace

ServiceUndo::ServiceUndo(const RunRecord& run, const Settings& settings, const Globals& globals, Deployment& main,
                         const Log& log, Control& control)
    : run_(run),
      catalogue_(globals.catalogue()),
      control_(control),
      parameters_(parameters_of(settings)),
      homes_(with_cas(run, settings), settings, main, log) {
  if (homes_.cas()) {
    control_.watch(*homes_.cas());
    homes_.require_same_cas(run, parameters_);
  }
  const auto parts = [&](std::vector<std::string> services) {
    std::vector<Part> out;
    std::ranges::reverse(services);
    for (const auto& name : services) {
      const auto service = service_named(name);
      if (!service) continue;
      // None where the run ended before it came to that service.
      auto record = Residue(homes_.of(*service)).run(part_of_run(run.run, name));
      if (record && !record->undone_by) out.push_back({*service, std::move(*record)});
    }
    return out;
  };
  before_ = parts(run.services.down);
  after_ = parts(run.services.up);
}

ServiceRunner ServiceUndo::runner(Service service, const std::string& by, RunObserver& observer) {
  ServiceSettings settings;
  settings.run = part_of_run(by, name_of(service));
  settings.control = &control_;
  return ServiceRunner(homes_.of(service), homes_.main(), catalogue_, parameters_, settings, observer);
}

void ServiceUndo::require_rights() {
  for (const auto* parts : {&before_, &after_}) {
    for (const auto& [service, record] : *parts) {
      auto needed = needed_service_rights();
      if (!record.dropped.empty()) std::ranges::copy(needed_to_make_collections(), std::back_inserter(needed));
      fm::require_rights(homes_.of(service), needed);
    }
  }
}

void ServiceUndo::prepare(RunObserver& observer) {
  homes_.lock();
  if (homes_.cas()) refuse_while_restoring(*homes_.cas());
  for (const auto* parts : {&before_, &after_}) {
    for (const auto& [service, record] : *parts) {
      const auto left = ServiceVersion(homes_.of(service), service).unfinished();
      if (!left || left->run == record.run || left->undoes == record.run) continue;
      finish_half_way(homes_, service, runner(service, run_of_part(left->run), observer));
    }
  }
}

void ServiceUndo::check(bool skip_changed, RunObserver& observer) {
  std::vector<std::string> all;
  for (auto* parts : {&before_, &after_}) {
    if (skip_changed) {
      std::erase_if(*parts, [&](const Part& part) {
        const auto moved = runner(part.service, run_.run, observer).moved_since(part.service, part.record);
        if (moved) leave(part.service, *moved);
        return moved.has_value();
      });
      continue;
    }
    for (const auto& [service, record] : *parts) {
      for (const auto& text : runner(service, run_.run, observer).obstacles(service, record)) {
        all.push_back(fmt::format("{}: {}", name_of(service), text));
      }
    }
  }
  if (all.empty()) return;
  const auto more = all.size() > kMostNamed ? all.size() - kMostNamed : 0;
  all.resize(all.size() - more);
  throw Error(
      Exit::kPrecondition,
      fmt::format("Run {} cannot be taken back, because of what was changed since; nothing was written:\n  {}{}",
                  run_.run, fmt::join(all, "\n  "), more > 0 ? fmt::format("\n  and {} more", more) : ""),
      "Take later runs back first (history lists them), or leave what was changed as it is: --skip-changed.");
}

RunServices ServiceUndo::parts() {
  RunServices out;
  for (const auto& part : before_) out.up.emplace_back(name_of(part.service));
  for (const auto& part : after_) out.down.emplace_back(name_of(part.service));
  homes_.name_cas(out, parameters_);
  return out;
}

Array ServiceUndo::details() const {
  Array out;
  for (const auto* parts : {&before_, &after_}) {
    for (const auto& [service, record] : *parts) {
      const auto to = ServiceVersion::stands_at(record.version.value_or(Document()));
      out.append(Document{{"service", name_of(service)},
                          {"from", record.target.empty() ? Value() : Value(record.target)},
                          {"to", to.empty() ? Value() : Value(to)}});
    }
  }
  return out;
}

void ServiceUndo::go(const std::vector<Part>& parts, const std::string& by, std::int64_t now_ms,
                     const std::string& seed, RunObserver& observer) {
  for (const auto& [service, record] : parts) {
    observer.phase(name_of(service), 0);
    reports_.push_back(runner(service, by, observer).undo(service, record, now_ms, seed));
    note_done(homes_, by, reports_.back());
    for (const auto& text : reports_.back().left) leave(service, text);
  }
}

void ServiceUndo::go_before(const std::string& by, std::int64_t now_ms, const std::string& seed,
                            RunObserver& observer) {
  go(before_, by, now_ms, seed, observer);
}

void ServiceUndo::go_after(const std::string& by, std::int64_t now_ms, const std::string& seed, RunObserver& observer) {
  go(after_, by, now_ms, seed, observer);
}

void ServiceUndo::leave(Service service, const std::string& what) {
  left_.push_back({name_of(service), Error(Exit::kPrecondition, what), true, ""});
}

std::vector<DatasetFailure> ServiceUndo::take_left() { return std::exchange(left_, {}); }

std::string ServiceUndo::text() const {
  std::string out;
  for (const auto& one : reports_) {
    out += fmt::format("Took {} back from {} to {}: {} documents edited", name_of(one.service), stored_at(one.from),
                       stored_at(one.to), format_count(one.edited));
    if (one.removed > 0) out += fmt::format(", {} removed", format_count(one.removed));
    if (one.restored > 0) out += fmt::format(", {} restored", format_count(one.restored));
    out += ".\n";
  }
  return out;
}

Array ServiceUndo::documents() const {
  Array out;
  for (const auto& one : reports_) {
    out.append(Document{{"service", name_of(one.service)},
                        {"from", one.from.empty() ? Value() : Value(one.from)},
                        {"to", one.to.empty() ? Value() : Value(one.to)},
                        {"edited", one.edited},
                        {"removed", one.removed},
                        {"restored", one.restored},
                        {"left", Array::of(one.left)}});
  }
  return out;
}

}  // namespace fm::cli
