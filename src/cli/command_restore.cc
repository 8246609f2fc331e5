#include <unistd.h>

#include <memory>
#include <optional>

#include "backup/restore.h"
#include "base/text.h"
#include "cli/backup_text.h"
#include "cli/deployment.h"
#include "cli/plan_text.h"
#include "cli/program.h"
#include "store/lease.h"

namespace fm::cli {

namespace {

struct RestoreOptions {
  std::string directory;
  bool overwrite = false;
  SettingFlags flags;
};

int run_restore(const RestoreOptions& options, const Globals& globals) {
  const auto settings = globals.load(options.flags);
  if (settings.database_admin == false) {
    throw Error(Exit::kRefused, "Restoring is for administrators, and FIFTYONE_DATABASE_ADMIN is false",
                "Unset it, or run this where the administrator does.");
  }
  const auto log = Log::to_stderr(settings, globals.quiet);
  const MongoDriver driver;
  Deployment deployment(settings, log);
  RestoreRequest request;
  request.directory = options.directory;
  request.overwrite = options.overwrite;
  request.dry_run = settings.dry_run;
  request.jobs = jobs_of(settings);
  std::optional<Lease> lease;
  if (!request.dry_run) lease.emplace(deployment.session.mongo());
  Progress progress(globals.progress_mode());
  const auto report = restore(
      deployment.session.mongo(), request,
      [&](const std::string& phase) {
        progress.clear();
        progress.phase(phase);
      },
      [&](std::int64_t done, std::int64_t total) { progress.bytes(done, total); });
  progress.clear();
  const auto& name = deployment.session.mongo().database();
  globals.print(restore_text(report, name, request.dry_run, globals.style(STDOUT_FILENO)),
                restore_document(report, name, request.dry_run));
  return 0;
}

}  // namespace

void setup_restore(Program& program) {
  auto options = std::make_shared<RestoreOptions>();
  auto* command = program.app.add_subcommand("restore", "Checks and brings back what backup wrote.");
  command->add_option("DIR", options->directory, "a folder written by backup")->required()->option_text("DIR");
  command->add_flag("--overwrite", options->overwrite, "put it in the place of what the database has");
  add_setting(*command, options->flags, "--dry-run", "dry_run", "check the files and show what would be written");
  add_setting(*command, options->flags, "-j,--jobs", "jobs", "collections at a time", "N");
  command->callback(
      [options, &program] { program.run = [options, &program] { return run_restore(*options, program.globals); }; });
}

}  // namespace fm::cli
