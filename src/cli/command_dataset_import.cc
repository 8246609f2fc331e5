#include <unistd.h>

#include <memory>

#include "archive/import.h"
#include "cli/command_dataset.h"

namespace fm::cli {

namespace {

int run_import(const ImportOptions& options, const Globals& globals) {
  const auto settings = globals.load(options.flags);
  require_admin(settings, "Importing");
  const auto log = Log::to_stderr(settings, globals.quiet);
  const MongoDriver driver;
  Deployment deployment(settings, log, true, Session::Ahead::kNothing);
  auto request = request_of(options, settings);
  request.dry_run = settings.dry_run;
  Progress progress(globals.progress_mode(), &log);
  const auto report = until_stopped(log, "nothing of the import stays", "The same command begins anew.", [&] {
    return archive::import_dataset(deployment.session.mongo(), request, show_progress(progress, log));
  });
  progress.clear();
  for (const auto& warning : report.warnings) log.warning(warning);
  globals.print(import_text(report, "Imported", globals.style(STDOUT_FILENO)), import_document(report));
  return 0;
}

}  // namespace

void setup_dataset_import(CLI::App& group, Program& program) {
  auto options = std::make_shared<ImportOptions>();
  auto* command = group.add_subcommand("import", "Brings an archive in the FiftyOneDataset format into the database.");
  auto& request = options->request;
  command->add_option("DIR", request.path, "a folder, or .zip, .tar, .tar.gz, .tar.bz")->required()->option_text("DIR");
  add_import_options(*command, *options);
  add_setting(*command, options->flags, "--dry-run", "dry_run", "read and check everything, write nothing");
  command->add_option("--rel-dir", request.rel_dir, "in front of relative paths; without: DIR")
      ->option_text("DIR")
      ->take_last();
  command->add_option("--tag", request.tags, "a tag for every sample")->option_text("TAG")->allow_extra_args(false);
  command->add_flag("--keep-times", request.keep_times, "created_at and last_modified_at as in the archive");
  command->add_option("--assume-version", request.assume_version, "of an archive that does not say")
      ->option_text("VERSION")
      ->take_last();
  command->callback(
      [options, &program] { program.run = [options, &program] { return run_import(*options, program.globals); }; });
}

}  // namespace fm::cli
