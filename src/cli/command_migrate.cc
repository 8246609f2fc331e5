#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>

#include "backup/backup.h"
#include "backup/touched.h"
#include "base/file.h"
#include "base/machine.h"
#include "base/text.h"
#include "cli/backup_text.h"
#include "cli/deployment.h"
#include "cli/help.h"
#include "cli/migration_options.h"
#include "cli/plan_page.h"
#include "cli/plan_text.h"
#include "cli/program_version.h"
#include "cli/prompt.h"
#include "cli/run_observer.h"
#include "cli/saved_plan.h"
#include "cli/service_migration.h"
#include "exec/clients.h"
#include "exec/exclusive.h"
#include "exec/history.h"
#include "exec/restore_mark.h"
#include "exec/rights.h"
#include "exec/runner.h"
#include "plan/access.h"
#include "revisions/catalogue.h"

namespace fm::cli {

using bson::Document;

namespace {

bool goes_down(const Plan& plan) {
  return std::any_of(plan.routes.begin(), plan.routes.end(),
                     [](const Route& route) { return route.direction == Direction::kDown; });
}

// The result with the part of the services, on Enterprise.
struct Frame {
  const Target& target;
  bool enterprise;

  Document around(Document document, bson::Array parts) const {
    if (!enterprise) return document;
    document.insert(1, "enterprise_target", target.enterprise ? bson::Value(*target.enterprise) : bson::Value());
    document.append("services", std::move(parts));
    return document;
  }
};

void back_up_first(const std::string& directory, const Plan& plan, ServiceMigration* services, Mongo& mongo,
                   const Heads& heads, std::size_t jobs, Control& control, Progress& progress, const Log& log) {
  BackupRequest request;
  request.directory = directory;
  request.tool = program_version();
  request.jobs = jobs;
  request.collections = dump::touched_collections(mongo, plan, heads);
  request.plan = dump::covered_by(plan, heads);
  request.scope = "what a migration to v" + plan.target + " touches";
  if (services) add_services(request, *services);
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

// `finished`: what an interrupted run had left was.
void confirm(bool finished) {
  if (ask("Migrate?")) return;
  throw Error(Exit::kRefused,
              std::string(finished ? "Nothing more was written" : "Nothing was written") + ": the answer was no",
              "--yes asks nothing.");
}

// The services of a saved plan.
std::vector<Service> services_of(const SavedPlan& saved) {
  std::vector<Service> out;
  if (!saved.services) return {Service::kDatasets};
  for (const auto& name : saved.services->chosen) out.push_back(*service_named(name));
  return out;
}

// What the command is about: equal ones go on with each other's run.
std::string request_text(const std::vector<std::string>& names, const Chosen& chosen, bool undo_log) {
  auto out = fm::request_text(names, undo_log);
  if (!chosen.others()) return out;
  for (const auto service : chosen.services) out += std::string("service ") + name_of(service) + "\n";
  return out;
}

// Without the service datasets nothing of theirs is planned.
Plan no_plan(const Request& request, const DatabaseHeads& found) {
  Plan out;
  out.target = request.target.value_or("");
  out.database_version = found.heads.database.value_or("");
  return out;
}

std::string access_text(bool enterprise, const Globals& globals, const Plan& plan) {
  if (!enterprise || plan.database_version.empty()) return "";
  return "\nSDKs that open the database then: Enterprise " +
         enterprise_clients_that_open(globals.versions(), plan.database_version) + ", which are those of open source " +
         clients_that_open(globals.catalogue(), plan.database_version) + " (check --client-version V tells of one)\n";
}

}  // namespace

int run_migration(const MigrationOptions& options, const Globals& globals, bool dry_run) {
  auto chosen = choose_services(options.selection);
  // Datasets named alone are what is meant.
  if (!options.names.empty() && !chosen.by_name) chosen.services = {Service::kDatasets};
  auto settings = globals.load(options.flags);
  require_admin(settings);
  dry_run = dry_run || settings.dry_run;
  const auto saved = open_saved_plan(options, settings);
  if (saved) chosen.services = services_of(*saved);

  check_services_before(chosen, settings);

  const auto& catalogue = globals.catalogue();
  auto log = Log::to_stderr(settings, globals.quiet);
  const MongoDriver driver;
  Deployment deployment(settings, log, false);
  if (!dry_run && deployment.found.heads.datasets.empty() && !deployment.found.config) {
    log.warning("The database '" + settings.database_name +
                "' has no datasets and no version: is FIFTYONE_DATABASE_NAME right?");
  }
  const bool adopting = settings.adopt && !deployment.enterprise();
  check_services(chosen, adopting ? Edition::kEnterprise : deployment.found.heads.edition, settings);
  std::optional<ServiceMigration> services;
  if (chosen.others()) services.emplace(chosen, settings, globals, deployment, log);
  if (const auto suspicion = services ? services->suspicion() : std::nullopt) log.warning(*suspicion);
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
  Exclusive exclusive(mongo, request_text(names, chosen, settings.undo_log));
  bool went_on = false;  // with an interrupted run
  std::optional<Control> control;
  refuse_while_restoring(mongo);
  if (!dry_run) {
    control.emplace(mongo, limits_of(settings), StopSignals::asked, warn_over(progress, log));
    run_settings.control = &*control;
    if (services) services->set_control(*control);
    const StopSignals signals(log);
    const auto finished = exclusive.finish_interrupted(catalogue, run_settings, observer, deployment.found);
    progress.clear();
    control->checkpoint();
    went_on = finished > 0;
    if (finished > 0) {
      log.info("Datasets that an interrupted run had under way were finished: " +
               format_count(static_cast<std::int64_t>(finished)));
    }
  }
  if (!dry_run && services && services->unfinished()) {
    exclusive.hold();
    const StopSignals signals(log);
    services->roll_forward(observer);
    went_on = true;
    progress.clear();
    log.info("An interrupted run of the services was finished");
  }
  const auto& found = deployment.found;
  const auto target = saved ? Target{saved->target, saved->enterprise_target, ""}
                            : resolve_target(adopting ? Edition::kEnterprise : found.heads.edition, chosen.version,
                                             options.os_version, globals.versions());
  if (!target.note.empty()) log.info(target.note);

  Request request;
  request.target = target.version;
  request.names = names;
  request.admin = settings.database_admin;
  request.lazy = settings.lazy;
  auto planned = found;
  if (saved) {
    check_origin(*saved, catalogue, deployment, *options.plan);
    if (chosen.has(Service::kDatasets)) planned.heads = heads_of(*saved, found.heads, catalogue, request);
    if (services && saved->services) services->check_saved(*saved->services, *options.plan);
    require_kept(*saved, mongo, services ? services->cas() : nullptr);
  }
  const auto plan =
      chosen.has(Service::kDatasets) ? make_plan(catalogue, planned.heads, request) : no_plan(request, found);
  const auto goal = services ? service_target(target, globals.versions()) : "";
  const bool explicit_target = saved ? saved->options.has("VERSION") || saved->options.has("--os-version")
                                     : chosen.version || options.os_version;
  if (services) services->make_plan(goal, explicit_target, settings.adopt);
  if (adopting) planned.heads.edition = Edition::kEnterprise;
  const bool idle = plan.nothing_to_do() && (!services || services->nothing_to_do());
  if (!dry_run && (!idle || adopting)) {
    require_rights(mongo);
    if (services) services->require_rights();
    const auto clients = notice_clients(mongo, settings.require_idle);
    if (!clients.empty()) log.warning(clients);
  }

  run_settings.refuse_all = settings.error_level.value_or(0) <= 0;
  run_settings.verbose = options.verbose;
  const auto runner = [&](bool allow_loss) {
    run_settings.allow_loss = allow_loss;
    return exclusive.runner(plan, catalogue, run_settings, observer);
  };
  const auto drawn = exclusive.draw(plan);
  if (services) services->set_run(run_id(drawn.now_ms, drawn.seed));
  const Frame frame{target, deployment.enterprise() || adopting};
  const auto style = globals.style(STDOUT_FILENO);

  const bool asks = !settings.yes && can_ask();
  Survey survey;
  if (dry_run || ((asks || goes_down(plan)) && !plan.nothing_to_do())) {
    // What is allowed to go is not counted.
    survey = runner(false).survey(plan, planned, dry_run);
  }
  if (services && !services->nothing_to_do()) services->survey(observer, drawn.now_ms, drawn.seed);
  progress.clear();
  const auto shown = [&](const Style& in) {
    return (services ? services->plan_text(in) + "\n" : "") +
           (chosen.has(Service::kDatasets) ? plan_text(plan, planned.heads, survey, in) : "");
  };
  if (dry_run) {
    std::optional<Estimate> cost;
    if (options.estimate) {
      cost =
          estimate(mongo, plan, survey, services ? services->costs() : std::vector<ServiceCost>(), settings.undo_log);
    }
    auto document = plan_document(plan, planned.heads, survey);
    if (cost) document.append("estimate", estimate_document(*cost));
    document = frame.around(std::move(document), services ? services->plan_documents() : bson::Array());
    if (options.html) {
      const PlanPageFacts facts{mongo.database(),
                                place(settings),
                                target.enterprise,
                                services ? services->plan_documents() : bson::Array(),
                                chosen.has(Service::kDatasets),
                                settings.undo_log,
                                program_version(),
                                clock_ms()};
      write_file(*options.html, plan_page(plan, planned.heads, survey, cost, facts));
    }
    if (options.save) {
      auto of_services = services ? std::optional(services->saved(chosen, goal)) : std::nullopt;
      save_plan(*options.save, options, settings, catalogue, deployment, target, request, std::move(of_services),
                services ? services->cas() : nullptr, document);
    }
    globals.print(
        shown(style) + (cost ? "\n" + estimate_text(*cost, style) : "") + access_text(frame.enterprise, globals, plan),
        document);
    return 0;
  }
  const bool refused = run_settings.refuse_all && !(plan.refused.empty() && survey.refused.empty());
  const bool losing = !survey.losses.empty() && !settings.allow_loss && !settings.undo_log;
  if (services && !settings.allow_loss) services->refuse_losses();
  if (services) services->refuse_clashes();
  if (services && run_settings.refuse_all) services->refuse_duplicates();
  // What is refused ends the run at once, which says why.
  const bool goes_ahead = !refused && !losing && (!idle || adopting);
  const bool shows = goes_ahead && (asks || (!globals.quiet && !log.json()));
  if (shows) std::fputs((shown(globals.style(STDERR_FILENO)) + "\n").c_str(), stderr);
  if (goes_ahead && asks) confirm(went_on);
  RunReport report;
  const auto services_up = [&] {
    if (adopting) {
      adopt(deployment);
      log.info("The database '" + settings.database_name + "' is one of FiftyOne Enterprise now");
    }
    if (services) services->run_up(observer, drawn.now_ms, drawn.seed);
  };
  if (!idle || adopting) {
    const StopSignals signals(log);
    exclusive.take(found);
    if (services) services->lock();
    if (options.backup)
      back_up_first(*options.backup, plan, services ? &*services : nullptr, mongo, planned.heads, run_settings.jobs,
                    *control, progress, log);
    if (services || adopting) run_settings.before_writes = services_up;
    if (services) {
      run_settings.details.append("services", services->plan_documents());
      run_settings.services = services->parts();
      // Services that go down wait for the datasets.
      run_settings.after_writes = [&] { services->run_down(observer, drawn.now_ms, drawn.seed); };
    }
    auto run = runner(settings.allow_loss);
    log.name_run(run.run_id());
    report = run.run(plan, planned);
  } else {
    report = exclusive.nothing_left(plan);
  }
  progress.clear();
  if (report.losses.empty()) report.losses = survey.losses;
  auto document = frame.around(report_document(plan, report), services ? services->report_documents() : bson::Array());
  if (shows && isatty(STDOUT_FILENO) != 0) report.losses.clear();  // they stand just above
  std::string text;
  if (chosen.has(Service::kDatasets)) {
    // As report_text() of services says it, where only they had something to do.
    const bool of_services = plan.nothing_to_do() && !idle;
    text = of_services ? "datasets: at v" + plan.target + " already.\n" : report_text(plan, report, style);
  }
  if (services) text = services->report_text() + text;
  const bool any_failed = std::any_of(report.failures.begin(), report.failures.end(),
                                      [](const DatasetFailure& failure) { return !failure.refused; });
  if (services && any_failed)
    text += "\nLeft for the next run, because datasets failed: " + services->standing() + "\n";
  globals.print(text, document);
  return static_cast<int>(report.failures.empty() ? Exit::kDone : Exit::kPartial);
}

void setup_migrate(Program& program) {
  auto options = std::make_shared<MigrationOptions>();
  auto* command = program.app.add_subcommand("migrate", "Migrates the database and its datasets.");
  bind_migration_options(*command, *options);
  add_setting(*command, options->flags, "--dry-run", "dry_run", "like plan");
  add_setting(*command, options->flags, "--yes", "yes", "ask nothing");
  add_setting(*command, options->flags, "--require-idle", "require_idle", "only while no FiftyOne is connected");
  add_setting(*command, options->flags, "--error-level", "error_level", "0: one refused dataset stops all", "0|1|2");
  command->add_option("--plan", options->plan, "run what plan --save kept, if nothing has moved")
      ->option_text("FILE")
      ->take_last();
  command->add_option("--backup", options->backup, "copy what is touched to a new folder first")
      ->option_text("DIR")
      ->take_last();
  bind_pace_options(*command, options->flags);
  command->add_flag("--verbose", options->verbose, "name each step");
  command->get_option("--verbose")->group(kAlso);
  command->callback([options, &program] {
    program.run = [options, &program] { return run_migration(*options, program.globals, false); };
  });
}

}  // namespace fm::cli
