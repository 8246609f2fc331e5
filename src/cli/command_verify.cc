#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "base/machine.h"
#include "cli/deployment.h"
#include "cli/migration_options.h"
#include "cli/plan_text.h"
#include "cli/program.h"
#include "cli/program_version.h"
#include "cli/prompt.h"
#include "cli/run_observer.h"
#include "cli/service_homes.h"
#include "cli/service_migration.h"
#include "cli/verify_text.h"
#include "exec/clients.h"
#include "exec/exclusive.h"
#include "exec/repair.h"
#include "exec/residue.h"
#include "exec/rights.h"
#include "revisions/catalogue.h"

namespace fm::cli {

namespace {

struct VerifyOptions {
  std::vector<std::string> names;
  bool deep = false;
  bool repair = false;
  bool kinds = false;
  SettingFlags flags;
};

int exit_of(const VerifyReport& report) {
  const auto total = totals_of(report);
  if (total.half_way) return static_cast<int>(Exit::kPrecondition);
  return static_cast<int>(total.problems == 0 ? Exit::kDone : Exit::kMismatch);
}

int look(const VerifyReport& report, const Globals& globals) {
  globals.print(verify_text(report, globals.style(STDOUT_FILENO)), verify_document(report));
  return exit_of(report);
}

// A service that a run has left half-way is finished by its own command alone.
void refuse_half_way(const Settings& settings, const Globals& globals, Deployment& deployment, const Log& log) {
  if (!deployment.enterprise()) return;
  const bool with_cas = settings.cas_database_uri && settings.cas_database_name;
  ServiceHomes homes(with_cas, settings, deployment, log);
  for (const auto& head : service_heads(homes.main(), homes.cas(), deployment.found.heads.database, globals.versions(),
                                        parameters_of(settings))) {
    if (!head.unfinished_to) continue;
    const auto left = ServiceVersion(homes.of(head.service), head.service).unfinished();
    if (!left) continue;
    const auto run = run_of_part(left->run);
    throw Error(
        Exit::kPrecondition,
        fmt::format("The service {} is half-way: run {} was cut off{}", name_of(head.service), run,
                    left->undoes.empty() ? " on its way to v" + left->to : " while it took another one back"),
        left->undoes.empty()
            ? fmt::format("'fiftyone-migrator migrate {}' finishes it, 'fiftyone-migrator undo {}' takes it back.",
                          left->to, run)
            : fmt::format("'fiftyone-migrator undo {}' finishes it.", run_of_part(left->undoes)));
  }
}

int repair(const Settings& settings, const VerifySettings& wanted, Deployment& deployment, const Log& log,
           const Globals& globals) {
  auto& mongo = deployment.session.mongo();
  const auto& catalogue = globals.catalogue();
  Progress progress(globals.progress_mode(), &log);
  ProgressObserver observer(progress);
  Control control(mongo, limits_of(settings), StopSignals::asked, warn_over(progress, log));
  RunSettings run_settings;
  run_settings.jobs = wanted.jobs;
  run_settings.origin = {globals.command_line, program_version()};
  run_settings.control = &control;
  Exclusive exclusive(mongo, repair_request(wanted));
  {
    const StopSignals signals(log);
    const bool interrupted = Journal(mongo).unfinished().has_value();
    exclusive.finish_interrupted(catalogue, run_settings, observer, deployment.found);
    progress.clear();
    if (interrupted) {
      exclusive.nothing_left({});
      log.info("An interrupted run was finished");
    }
  }
  const auto found = verify(mongo, catalogue, deployment.found, wanted);
  if (totals_of(found).mendable == 0) return look(found, globals);
  require_rights(mongo);
  const auto clients = notice_clients(mongo, settings.require_idle);
  if (!clients.empty()) log.warning(clients);
  const bool asks = !settings.yes && can_ask();
  if (asks || (!globals.quiet && !log.json())) {
    std::fputs((verify_text(found, globals.style(STDERR_FILENO)) + "\n").c_str(), stderr);
  }
  if (asks && !ask("Mend what is certain?")) {
    throw Error(Exit::kRefused, "Nothing was written: the answer was no", "--yes asks nothing.");
  }
  const StopSignals signals(log);
  exclusive.take(deployment.found);
  Repair run(mongo, catalogue, clock_ms(), random_bytes(16), run_settings, observer);
  const auto report = run.run(found, wanted);
  const auto left = verify(mongo, catalogue, read_heads(mongo), wanted);
  progress.clear();
  globals.print(repair_text(report, left, globals.style(STDOUT_FILENO)), repair_document(report, left));
  const auto status = exit_of(left);
  return !report.failures.empty() && status != static_cast<int>(Exit::kPrecondition) ? static_cast<int>(Exit::kPartial)
                                                                                     : status;
}

int run_verify(const VerifyOptions& options, const Globals& globals) {
  if (options.kinds) {
    globals.print(problem_types_text(), problem_types_document());
    return 0;
  }
  const auto settings = globals.load(options.flags);
  if (options.repair) require_admin(settings);
  const auto log = Log::to_stderr(settings, globals.quiet);
  const MongoDriver driver;
  Deployment deployment(settings, log);
  VerifySettings wanted;
  for (const auto& name : options.names) wanted.names.push_back(Globals::as_typed(name));
  wanted.deep = options.deep;
  wanted.jobs = jobs_of(settings);
  if (options.repair && !settings.dry_run) {
    refuse_half_way(settings, globals, deployment, log);
    return repair(settings, wanted, deployment, log, globals);
  }
  return look(verify(deployment.session.mongo(), globals.catalogue(), deployment.found, wanted), globals);
}

}  // namespace

void setup_verify(Program& program) {
  auto options = std::make_shared<VerifyOptions>();
  auto* command = program.app.add_subcommand("verify", "Finds damage and mends what is certain.");
  command->add_option("-n,--dataset-name", options->names, "only these datasets")->option_text("NAME...");
  command->add_flag("--deep", options->deep, "every sample, frame and result; indexes");
  command->add_flag("--repair", options->repair, "mend what is certain, as a run that can be undone");
  add_setting(*command, options->flags, "--dry-run", "dry_run", "write nothing, whatever else is given");
  add_setting(*command, options->flags, "--yes", "yes", "ask nothing");
  add_setting(*command, options->flags, "-j,--jobs", "jobs", "datasets at a time", "N");
  add_setting(*command, options->flags, "--rate", "rate", "documents a second, at most", "N");
  add_setting(*command, options->flags, "--max-lag", "max_lag", "wait while a secondary is further behind", "S");
  add_setting(*command, options->flags, "--max-time", "max_time", "stop after that many seconds (4)", "S");
  add_setting(*command, options->flags, "--require-idle", "require_idle", "only while no FiftyOne is connected");
  command->add_flag("--kinds", options->kinds, "list what is looked for, and what --repair does about it");
  command->callback(
      [options, &program] { program.run = [options, &program] { return run_verify(*options, program.globals); }; });
}

}  // namespace fm::cli
