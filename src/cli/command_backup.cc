#include <unistd.h>

#include <memory>
#include <optional>

#include "backup/backup.h"
#include "backup/touched.h"
#include "base/text.h"
#include "cli/backup_text.h"
#include "cli/deployment.h"
#include "cli/migration_options.h"
#include "cli/plan_text.h"
#include "cli/program_version.h"
#include "cli/service_migration.h"
#include "cli/until_stopped.h"
#include "exec/control.h"
#include "revisions/catalogue.h"

namespace fm::cli {

using bson::Document;

namespace {

struct BackupOptions {
  std::string directory;
  MigrationOptions migration;
  bool all = false;
  bool zstd = false;
  bool no_snapshot = false;
};

// What the options name: the collections of a plan, or all; with `services`, in
// both databases.
void choose_collections(BackupRequest& request, const BackupOptions& options, const Globals& globals,
                        Deployment& deployment, ServiceMigration* services, const Chosen& chosen, const Log& log) {
  const auto& selection = options.migration.selection;
  const bool named = selection.version || options.migration.os_version || !options.migration.names.empty();
  if (options.all) {
    if (named) throw Error(Exit::kUsage, "--all takes everything: no version and no dataset goes with it");
    if (services) request.cas = services->cas();
    return;
  }
  const auto& heads = deployment.found.heads;
  Plan plan;
  try {
    const auto target = resolve_target(heads.edition, chosen.version, options.migration.os_version, globals.versions());
    if (!target.note.empty()) log.info(target.note);
    Request wanted;
    wanted.target = target.version;
    for (const auto& name : options.migration.names) wanted.names.push_back(Globals::as_typed(name));
    plan = make_plan(globals.catalogue(), heads, wanted);
    if (services) services->make_plan(service_target(target, globals.versions()), named, false);
  } catch (const Error& error) {
    if (named) throw;
    log.warning("Everything is taken, because no plan can be made: " + std::string(error.what()));
    if (services) request.cas = services->cas();
    return;
  }
  if (named) {
    for (const auto& refusal : plan.refused) log.warning(refusal.error.what());
  }
  const bool idle = plan.nothing_to_do() && (!services || services->nothing_to_do());
  if (idle || (!named && !plan.refused.empty())) {
    if (services) request.cas = services->cas();
    return;
  }
  request.collections = dump::touched_collections(deployment.session.mongo(), plan, heads);
  request.plan = dump::covered_by(plan, heads);
  request.scope = "what a migration to v" + plan.target + " touches";
  if (!options.migration.names.empty()) request.scope += ", of the datasets named";
  if (services) add_services(request, *services);
}

int run_backup(const BackupOptions& options, const Globals& globals) {
  if (options.directory.empty()) throw Error(Exit::kUsage, "The name of the folder is empty", "Name a new folder.");
  const auto settings = globals.load(options.migration.flags);
  const auto log = Log::to_stderr(settings, globals.quiet);
  const MongoDriver driver;
  Deployment deployment(settings, log);
  BackupRequest request;
  request.directory = options.directory;
  request.tool = program_version();
  request.zstd = options.zstd;
  request.snapshot = !options.no_snapshot;
  request.jobs = jobs_of(settings);
  auto chosen = choose_services(options.migration.selection);
  if (!options.migration.names.empty() && !chosen.by_name) chosen.services = {Service::kDatasets};
  check_services(chosen, deployment.found.heads.edition, settings);
  std::optional<ServiceMigration> services;
  if (chosen.others()) services.emplace(chosen, settings, globals, deployment, log);
  choose_collections(request, options, globals, deployment, services ? &*services : nullptr, chosen, log);
  Progress progress(globals.progress_mode(), &log);
  progress.phase("Backing up");
  Control control(deployment.session.mongo(), {}, StopSignals::asked,
                  [&](const std::string& text) { log.warning(text); });
  const auto report = until_stopped(log, "no backup was made", "The same command begins anew.", [&] {
    return backup(deployment.session.mongo(), request, [&](std::int64_t done, std::int64_t total) {
      progress.bytes(done, total);
      control.checkpoint();
    });
  });
  progress.clear();
  for (const auto& warning : report.warnings) log.warning(warning);
  globals.print(backup_text(report, globals.style(STDOUT_FILENO)), backup_document(report));
  return 0;
}

}  // namespace

void setup_backup(Program& program) {
  auto options = std::make_shared<BackupOptions>();
  auto* command = program.app.add_subcommand("backup", "Copies what a migration touches to a folder.");
  command->add_option("DIR", options->directory, "a new folder")->required()->option_text("DIR");
  bind_target_options(*command, options->migration);
  command->add_flag("--all", options->all, "the whole database; also where nothing is to migrate");
  command->add_flag("--zstd", options->zstd, "compress the documents");
  command->add_flag("--no-snapshot", options->no_snapshot, "do not read as of one moment, even where the server can");
  add_setting(*command, options->migration.flags, "-j,--jobs", "jobs", "collections at a time", "N");
  command->callback(
      [options, &program] { program.run = [options, &program] { return run_backup(*options, program.globals); }; });
}

}  // namespace fm::cli
