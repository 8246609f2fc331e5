#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "cli/counted.h"
#include "cli/deployment.h"
#include "cli/migration_options.h"
#include "cli/plan_text.h"
#include "cli/printable.h"
#include "cli/program_version.h"
#include "cli/prompt.h"
#include "cli/residue_commands.h"
#include "cli/run_observer.h"
#include "cli/table.h"
#include "exec/clients.h"
#include "exec/exclusive.h"
#include "exec/residue_apply.h"
#include "exec/rights.h"
#include "exec/survey.h"

namespace fm::cli {

using bson::Array;
using bson::Document;

namespace {

struct ApplyOptions {
  std::vector<std::string> names;
  SettingFlags flags;
};

// "3 saved views, 1 run": values by their kind, not by their paths.
std::string in_words_of(const GivenBack& one) {
  std::vector<std::pair<std::string, std::string>> paths;
  for (const auto& value : one.values) paths.emplace_back(value.revision, value.path);
  std::string out = in_words(tally(paths));
  if (one.members.changed > 0) {
    out += (out.empty() ? "" : ", ") + counted(one.members.changed, "document") + " of its collections";
  }
  return out.empty() ? "nothing: it is there already" : out;
}

std::int64_t values_of(const GivenBack& one) { return static_cast<std::int64_t>(one.values.size()); }

bool anything_kept(const GiveBackReport& report) {
  return std::any_of(report.datasets.begin(), report.datasets.end(),
                     [](const GivenBack& one) { return !one.kept.empty() || one.members.edited > 0; });
}

std::string text_of(const GiveBackReport& report, bool planned, const Style& style) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::vector<std::string>> kept;
  std::int64_t values = 0;
  for (const auto& one : report.datasets) {
    values += values_of(one);
    if (one.worth_writing) rows.push_back({one.name, "v" + one.version, in_words_of(one)});
    for (const auto& value : one.kept) kept.push_back({one.name, value.revision, value.path});
    if (one.members.edited > 0) {
      kept.push_back({one.name, "", counted(one.members.edited, "sample or frame") + ", first " + one.members.example});
    }
  }
  std::string out;
  if (!rows.empty()) {
    out += style.heading(planned ? "Comes back:" : "Came back:") + "\n" +
           text_table({"dataset", "version", "what"}, rows) + "\n";
  }
  if (!kept.empty()) {
    out += style.heading("Edited since, so it stays as it is:") + "\n" +
           text_table({"dataset", "revision", "path"}, kept) + "\n";
  }
  if (!report.failures.empty()) {
    out += style.error("Left as they are:") + "\n";
    for (const auto& failure : report.failures)
      out += "  " + printable(failure.name + ": " + failure.error.what()) + "\n";
    out += "\n";
  }
  if (report.datasets.empty() && report.failures.empty()) return out + "Nothing waits in the undo log.\n";
  if (planned) return out + "Nothing was written.\n";
  if (report.run.empty() && !kept.empty()) {
    return out +
           "Nothing was written: all else is back. What was edited stays in the undo log, of the runs that `residue "
           "list` shows as waiting, until `residue prune --run RUN` removes what such a run kept.\n";
  }
  if (report.run.empty()) return out + "Nothing was written: there is nothing to give back.\n";
  return out + "Gave " + counted(values, "value") + " back to " +
         counted(static_cast<std::int64_t>(rows.size()), "dataset") + ", in " + format_duration(report.seconds) +
         ".\n`fiftyone-migrator undo " + report.run + "` takes this back.\n";
}

Array values_array(const std::vector<GivenBack::Value>& values) {
  Array out;
  for (const auto& value : values) out.append(Document{{"revision", value.revision}, {"path", value.path}});
  return out;
}

Document document_of(const GiveBackReport& report, bool planned) {
  Array datasets;
  for (const auto& one : report.datasets) {
    datasets.append(Document{{"name", one.name},
                             {"_id", one.id},
                             {"version", one.version},
                             {"values", values_array(one.values)},
                             {"kept", values_array(one.kept)},
                             {"members", one.members.changed},
                             {"members_kept", one.members.edited}});
  }
  Array failures;
  for (const auto& failure : report.failures) {
    failures.append(Document{{"dataset", failure.name}, {"error", failure.error.what()}});
  }
  return {{"run", report.run.empty() ? bson::Value() : bson::Value(report.run)},
          {"dry_run", planned},
          {"datasets", std::move(datasets)},
          {"failures", std::move(failures)},
          {"seconds", report.seconds}};
}

std::vector<Waiting> chosen(std::vector<Waiting> all, const Heads& heads, const std::vector<std::string>& names) {
  if (names.empty()) return all;
  std::vector<Waiting> out;
  for (const auto& name : names) {
    const auto known = std::any_of(heads.datasets.begin(), heads.datasets.end(),
                                   [&](const DatasetHead& head) { return head.name == name; });
    if (!known) throw Error(Exit::kNotFound, "Dataset '" + name + "' not found", "See 'fiftyone-migrator info'.");
    for (const auto& one : all) {
      if (one.name == name) out.push_back(one);
    }
  }
  return out;
}

int apply(const ApplyOptions& options, const Globals& globals) {
  const auto settings = globals.load(options.flags);
  require_admin(settings);
  auto log = Log::to_stderr(settings, globals.quiet);
  const MongoDriver driver;
  Deployment deployment(settings, log);
  auto& mongo = deployment.session.mongo();
  Progress progress(globals.progress_mode(), &log);
  ProgressObserver observer(progress);
  std::vector<std::string> names;
  for (const auto& name : options.names) names.push_back(Globals::as_typed(name));
  const auto style = globals.style(STDOUT_FILENO);
  Exclusive exclusive(mongo, request_text(names));
  RunSettings run_settings;
  run_settings.origin = {globals.command_line, program_version()};
  run_settings.request = request_text(names);
  std::optional<Control> control;
  if (!settings.dry_run) {
    control.emplace(mongo, limits_of(settings), StopSignals::asked, warn_over(progress, log));
    run_settings.control = &*control;
    const StopSignals signals(log);
    if (exclusive.finish_interrupted(globals.catalogue(), run_settings, observer, deployment.found) > 0) {
      log.info("Datasets that an interrupted run had under way were finished");
    }
    progress.clear();
    control->checkpoint();
  }
  const auto datasets = chosen(waiting(mongo, deployment.found.heads), deployment.found.heads, names);
  Plan plan;
  plan.target = GiveBack::kKind;
  const auto drawn = exclusive.draw(plan);
  const auto runner = [&](GiveBackReport (GiveBack::*what)(const std::vector<Waiting>&)) {
    GiveBack out(mongo, globals.catalogue(), drawn.now_ms, drawn.seed, run_settings, observer);
    auto report = (out.*what)(datasets);
    progress.clear();
    return report;
  };
  const bool asks = !settings.yes && can_ask();
  if (settings.dry_run || datasets.empty()) {
    const auto report = runner(&GiveBack::survey);
    if (!settings.dry_run) exclusive.nothing_left(plan);
    globals.print(text_of(report, settings.dry_run, style), document_of(report, settings.dry_run));
    return 0;
  }
  require_rights(mongo);
  const auto clients = notice_clients(mongo, settings.require_idle);
  if (!clients.empty()) log.warning(clients);
  if (asks) {
    const auto report = runner(&GiveBack::survey);
    std::fputs(text_of(report, true, globals.style(STDERR_FILENO)).c_str(), stderr);
    if (!ask("Give back?")) {
      throw Error(Exit::kRefused, "Nothing was written: the answer was no", "--yes asks nothing.");
    }
  }
  const StopSignals signals(log);
  exclusive.take(deployment.found);
  log.name_run(run_id(drawn.now_ms, drawn.seed));
  const auto report = runner(&GiveBack::run);
  if (report.run.empty()) exclusive.nothing_left(plan);
  globals.print(text_of(report, false, style), document_of(report, false));
  return static_cast<int>(report.failures.empty() && !anything_kept(report) ? Exit::kDone : Exit::kPartial);
}

}  // namespace

void setup_residue_apply(Program& program, CLI::App& residue) {
  auto options = std::make_shared<ApplyOptions>();
  auto* command = residue.add_subcommand("apply", "Gives back what waits for datasets that a client lifted.");
  command->add_option("NAME", options->names, "only these datasets")->option_text("[NAME...]");
  add_setting(*command, options->flags, "--dry-run", "dry_run", "say what would come back");
  add_setting(*command, options->flags, "--yes", "yes", "ask nothing");
  add_setting(*command, options->flags, "--require-idle", "require_idle", "only while no FiftyOne is connected");
  bind_pace_options(*command, options->flags);
  command->callback(
      [options, &program] { program.run = [options, &program] { return apply(*options, program.globals); }; });
}

}  // namespace fm::cli
