#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "backup/backup.h"
#include "backup/touched.h"
#include "base/file.h"
#include "base/machine.h"
#include "base/text.h"
#include "cli/backup_text.h"
#include "cli/deployment.h"
#include "cli/migration_options.h"
#include "cli/plan_page.h"
#include "cli/plan_text.h"
#include "cli/program_version.h"
#include "cli/prompt.h"
#include "cli/run_observer.h"
#include "cli/saved_plan.h"
#include "exec/clients.h"
#include "exec/exclusive.h"
#include "exec/rights.h"
#include "exec/runner.h"
#include "plan/refusals.h"
#include "revisions/catalogue.h"

namespace fm::cli {

using bson::Document;

namespace {

bool goes_down(const Plan& plan) {
  return std::any_of(plan.routes.begin(), plan.routes.end(),
                     [](const Route& route) { return route.direction == Direction::kDown; });
}

// What the two editions tell apart, for the result.
struct Frame {
  const Deployment& deployment;
  const Target& target;

  std::string text() const {
    if (!deployment.enterprise()) return "";
    std::string out = "\nLeft alone:";
    for (const auto& service : other_services()) out += " " + service;
    return out + " (this version of the tool migrates datasets only)\n";
  }
  Document around(Document document) const {
    if (!deployment.enterprise()) return document;
    document.insert(1, "enterprise_target", target.enterprise ? bson::Value(*target.enterprise) : bson::Value());
    bson::Array others;
    for (const auto& service : other_services()) others.append(service);
    document.append("left_alone", std::move(others));
    return document;
  }
};

void back_up_first(const std::string& directory, const Plan& plan, Mongo& mongo, const Heads& heads, std::size_t jobs,
                   Control& control, Progress& progress, const Log& log) {
  BackupRequest request;
  request.directory = directory;
  request.tool = program_version();
  request.jobs = jobs;
  request.collections = dump::touched_collections(mongo, plan, heads);
  request.scope = "what a migration to v" + plan.target + " touches";
  progress.phase("Backing up");
  const auto report = backup(mongo, request, [&](std::int64_t done, std::int64_t total) {
    progress.bytes(done, total);
    control.checkpoint();
  });
  progress.clear();
  for (const auto& warning : report.warnings) log.warning(warning);
  const auto text = backup_text(report, Style::choose("never", STDERR_FILENO));
  if (log.json()) {
    log.info(text);
  } else {
    std::fputs(text.c_str(), stderr);
  }
}

void confirm() {
  if (!ask("Migrate?")) throw Error(Exit::kRefused, "Nothing was written: the answer was no", "--yes asks nothing.");
}

}  // namespace

int run_migration(const MigrationOptions& options, const Globals& globals, bool dry_run) {
  const auto version = check_selection(options.selection);
  const auto settings = globals.load(options.flags);
  if (settings.disable_migrations) throw refusals::migrations_disabled();
  if (settings.database_admin == false) throw refusals::admin_is_false();
  dry_run = dry_run || settings.dry_run;
  const auto saved = open_saved_plan(options, settings.undo_log);

  const auto& catalogue = built_in_catalogue();
  auto log = Log::to_stderr(settings, globals.quiet);
  const MongoDriver driver;
  Deployment deployment(settings, log);
  Progress progress(globals.progress_mode(), &log);
  MigrateObserver observer(progress, log, options.verbose);
  auto& mongo = deployment.session.mongo();
  RunSettings run_settings;
  run_settings.jobs = jobs_of(settings);
  run_settings.undo_log = settings.undo_log;
  run_settings.origin = {globals.command_line, program_version()};
  std::vector<std::string> names;
  for (const auto& name : options.names) names.push_back(Globals::as_typed(name));
  if (saved) names = saved->names;
  Exclusive exclusive(mongo, request_text(names));
  std::optional<Control> control;
  if (!dry_run) {
    control.emplace(mongo, limits_of(settings), StopSignals::asked, [&](const std::string& text) {
      progress.clear();
      log.warning(text);
    });
    run_settings.control = &*control;
    const StopSignals signals(log);
    const auto finished = exclusive.finish_interrupted(catalogue, run_settings, observer, deployment.found);
    progress.clear();
    control->checkpoint();
    if (finished > 0) {
      log.info("Datasets that an interrupted run had under way were finished: " +
               format_count(static_cast<std::int64_t>(finished)));
    }
  }
  const auto& found = deployment.found;
  const auto target = saved ? Target{saved->target, saved->enterprise_target, ""}
                            : resolve_target(found.heads.edition, version, options.os_version, globals.versions());
  if (!target.note.empty()) log.info(target.note);

  Request request;
  request.target = target.version;
  request.names = names;
  request.admin = settings.database_admin;
  auto planned = found;
  if (saved) planned.heads = heads_of(*saved, deployment, request, *options.plan);
  const auto plan = make_plan(catalogue, planned.heads, request);
  if (!dry_run && !plan.nothing_to_do()) {
    require_rights(mongo);
    const auto clients = notice_clients(mongo, settings.require_idle);
    if (!clients.empty()) log.warning(clients);
  }

  run_settings.refuse_all = settings.error_level.value_or(0) <= 0;
  run_settings.verbose = options.verbose;
  const auto runner = [&](bool allow_loss) {
    run_settings.allow_loss = allow_loss;
    return exclusive.runner(plan, catalogue, run_settings, observer);
  };
  const Frame frame{deployment, target};
  const auto style = globals.style(STDOUT_FILENO);

  const bool asks = !settings.yes && can_ask();
  Survey survey;
  if (dry_run || ((asks || goes_down(plan)) && !plan.nothing_to_do())) {
    // What is allowed to go is not counted.
    survey = runner(false).survey(plan, planned, dry_run);
  }
  progress.clear();
  if (dry_run) {
    std::optional<Estimate> cost;
    if (options.estimate) cost = estimate(deployment.session.mongo(), plan, survey);
    auto document = plan_document(plan, planned.heads, survey);
    if (cost) document.append("estimate", estimate_document(*cost));
    document = frame.around(std::move(document));
    if (options.html) {
      const PlanPageFacts facts{deployment.session.mongo().database(), place(settings), target.enterprise,
                                program_version(), clock_ms()};
      write_file(*options.html, plan_page(plan, planned.heads, survey, cost, facts));
    }
    if (options.save) save_plan(*options.save, options, deployment, target, request, settings.undo_log, document);
    globals.print(
        plan_text(plan, planned.heads, survey, style) + (cost ? "\n" + estimate_text(*cost, style) : "") + frame.text(),
        document);
    return 0;
  }
  const bool refused = run_settings.refuse_all && !(plan.refused.empty() && survey.refused.empty());
  const bool losing = !survey.losses.empty() && !settings.allow_loss && !settings.undo_log;
  // What is refused ends the run at once, which says why.
  const bool goes_ahead = !refused && !losing && !plan.nothing_to_do();
  const bool shows = goes_ahead && (asks || (!globals.quiet && !log.json()));
  if (shows) std::fputs((plan_text(plan, planned.heads, survey, globals.style(STDERR_FILENO)) + "\n").c_str(), stderr);
  if (goes_ahead && asks) confirm();
  RunReport report;
  if (!plan.nothing_to_do()) {
    const StopSignals signals(log);
    exclusive.take(found);
    if (options.backup)
      back_up_first(*options.backup, plan, mongo, planned.heads, run_settings.jobs, *control, progress, log);
    auto run = runner(settings.allow_loss);
    log.name_run(run.run_id());
    report = run.run(plan, planned);
  } else {
    exclusive.nothing_left(plan);
  }
  progress.clear();
  if (report.losses.empty()) report.losses = survey.losses;
  auto document = frame.around(report_document(plan, report));
  if (shows && isatty(STDOUT_FILENO) != 0) report.losses.clear();  // they stand just above
  globals.print(report_text(plan, report, style) + frame.text(), document);
  return static_cast<int>(report.failures.empty() ? Exit::kDone : Exit::kPartial);
}

void setup_migrate(Program& program) {
  auto options = std::make_shared<MigrationOptions>();
  auto* command = program.app.add_subcommand("migrate", "Migrates the database and its datasets.");
  bind_migration_options(*command, *options);
  add_setting(*command, options->flags, "--dry-run", "dry_run", "like plan");
  add_setting(*command, options->flags, "--yes", "yes", "ask nothing");
  add_setting(*command, options->flags, "--require-idle", "require_idle", "only while no FiftyOne is connected");
  add_setting(*command, options->flags, "--error-level", "error_level",
              "0: a refused dataset stops all; 1, 2: it does not", "0|1|2");
  command->add_option("--plan", options->plan, "run what plan --save kept, if nothing has moved")
      ->option_text("FILE")
      ->take_last();
  command->add_option("--backup", options->backup, "copy what is touched to a new folder first")
      ->option_text("DIR")
      ->take_last();
  bind_pace_options(*command, *options);
  command->add_flag("--verbose", options->verbose, "name each step");
  command->callback([options, &program] {
    program.run = [options, &program] { return run_migration(*options, program.globals, false); };
  });
}

}  // namespace fm::cli
