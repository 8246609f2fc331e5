#include <unistd.h>

#include <chrono>
#include <memory>
#include <optional>

#include "backup/restore.h"
#include "base/machine.h"
#include "base/text.h"
#include "cli/backup_text.h"
#include "cli/deployment.h"
#include "cli/plan_text.h"
#include "cli/program.h"
#include "cli/program_version.h"
#include "cli/service_homes.h"
#include "cli/services.h"
#include "cli/signals.h"
#include "exec/control.h"
#include "exec/history.h"
#include "exec/rights.h"
#include "store/lease.h"

namespace fm::cli {

namespace {

struct RestoreOptions {
  std::string directory;
  bool overwrite = false;
  SettingFlags flags;
};

// The restore in the history, from the moment that nothing can refuse any more.
class Recorded {
 public:
  Recorded(Mongo& mongo, const std::string& directory, const Globals& globals, const DatabaseHeads& found)
      : history_(mongo), mongo_(mongo) {
    start_.run = run_id(clock_ms(), random_bytes(16));
    start_.kind = "restore";
    start_.origin = {globals.command_line, program_version()};
    start_.from = found.heads.database.value_or("");
    start_.details = bson::Document{{"directory", directory}};
  }

  void begin() {
    history_.begin(start_);
    begun_ = Clock::now();
  }
  void end(const std::optional<Error>& error) {
    if (!begun_) return;
    RunEnd end{error ? state_after(*error) : "done"};
    end.seconds = std::chrono::duration<double>(Clock::now() - *begun_).count();
    end.error = error;
    try {
      end.details.append("to", read_database_version(mongo_).value_or(""));
      if (history_.end(start_.run, end)) return;
      // The backup brought a history of its own.
      history_.begin(start_);
      history_.end(start_.run, end);
    } catch (const Error&) {
      if (!error) throw;  // else that one is told
    }
  }

 private:
  using Clock = std::chrono::steady_clock;
  History history_;
  Mongo& mongo_;
  RunStart start_;
  std::optional<Clock::time_point> begun_;
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
  request.allow_loss = settings.allow_loss;
  request.dry_run = settings.dry_run;
  request.jobs = jobs_of(settings);
  const bool with_cas = dump::read_cas_manifest(options.directory).has_value();
  if (with_cas) {
    Chosen both;
    both.services = {Service::kCas, Service::kDatasets};
    require_settings(both, settings, false);
  }
  ServiceHomes homes(with_cas, settings, deployment, log);
  request.cas = homes.cas();
  std::optional<Lease> lease;
  if (!request.dry_run) {
    require_rights(deployment.session.mongo(), needed_to_restore());
    if (request.cas) require_rights(*request.cas, needed_to_restore());
    lease.emplace(deployment.session.mongo());
    homes.lock();
  }
  auto& mongo = deployment.session.mongo();
  Recorded record(mongo, options.directory, globals, deployment.found);
  Progress progress(globals.progress_mode(), &log);
  Control control(mongo, {}, StopSignals::asked, [&](const std::string& text) { log.warning(text); });
  const StopSignals signals(log);
  const auto restored = [&] {
    try {
      return restore(
          mongo, request,
          [&](const std::string& phase) {
            progress.clear();
            progress.phase(phase);
            if (phase == kRestoring) record.begin();
          },
          [&](std::int64_t done, std::int64_t total) {
            progress.bytes(done, total);
            control.checkpoint();
          });
    } catch (const Error& raised) {
      const auto error = is_stop(raised.code())
                             ? Error(raised.code(), std::string(raised.what()) + ": the database is as it was before",
                                     "The same command begins anew.")
                             : raised;
      record.end(error);
      throw error;
    }
  };
  const auto report = restored();
  record.end(std::nullopt);
  progress.clear();
  const auto& name = mongo.database();
  const auto cas = request.cas ? request.cas->database() : "";
  globals.print(restore_text(report, name, cas, request.dry_run, globals.style(STDOUT_FILENO)),
                restore_document(report, name, cas, request.dry_run));
  return 0;
}

}  // namespace

void setup_restore(Program& program) {
  auto options = std::make_shared<RestoreOptions>();
  auto* command = program.app.add_subcommand("restore", "Checks and brings back what backup wrote.");
  command->add_option("DIR", options->directory, "a folder written by backup")->required()->option_text("DIR");
  command->add_flag("--overwrite", options->overwrite, "put it in the place of what the database has");
  add_setting(*command, options->flags, "--allow-loss", "allow_loss", "datasets made since may go");
  add_setting(*command, options->flags, "--dry-run", "dry_run", "check the files and show what would be written");
  add_setting(*command, options->flags, "-j,--jobs", "jobs", "collections at a time", "N");
  command->callback(
      [options, &program] { program.run = [options, &program] { return run_restore(*options, program.globals); }; });
}

}  // namespace fm::cli
