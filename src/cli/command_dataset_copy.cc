#include <unistd.h>

#include <memory>

#include "archive/copy.h"
#include "base/error.h"
#include "cli/command_dataset.h"
#include "store/named_database.h"

namespace fm::cli {

namespace {

struct CopyOptions {
  std::string name;
  std::string to;
  std::optional<std::string> database;
  ImportOptions import;
};

// It may be meant as the destination, or be where the user is known.
void refuse_other(const std::string& named, const std::string& database) {
  if (named.empty() || named == "admin" || named == database) return;
  throw Error(Exit::kUsage,
              "The URI of --to names the database '" + named + "', and without --to-database the copy goes into '" +
                  database + "'",
              "Say which one you mean: --to-database " + named + ", or --to-database " + database);
}

int run_copy(const CopyOptions& options, const Globals& globals) {
  const auto settings = globals.load(options.import.flags);
  require_admin(settings, "Copying");
  const auto log = Log::to_stderr(settings, globals.quiet);
  const MongoDriver driver;
  Deployment deployment(settings, log, true, Session::Ahead::kNothing);
  auto& from = deployment.session.mongo();
  archive::CopyRequest request;
  request.name = Globals::as_typed(options.name);
  request.into = request_of(options.import, settings);
  request.into.dry_run = settings.dry_run;
  const auto database = options.database.value_or(from.database());
  if (!options.database) refuse_other(named_database(options.to), database);
  Mongo to(options.to, database);
  to.ping();
  Progress progress(globals.progress_mode(), &log);
  const auto report = until_stopped(log, "nothing of the copy stays", "The same command begins anew.", [&] {
    return archive::copy_dataset(from, to, request, show_progress(progress, log));
  });
  progress.clear();
  for (const auto& warning : report.warnings) log.warning(warning);
  globals.print(import_text(report, "Copied", globals.style(STDOUT_FILENO)), import_document(report));
  return 0;
}

}  // namespace

void setup_dataset_copy(CLI::App& group, Program& program) {
  auto options = std::make_shared<CopyOptions>();
  auto* command = group.add_subcommand("copy", "Copies a dataset to another database, without a disk between.");
  command->add_option("NAME", options->name, "the dataset")->required()->option_text("NAME");
  command->add_option("--to", options->to, "URI of the server")->required()->option_text("URI")->take_last();
  command->add_option("--to-database", options->database, "the database there; without: the same name")
      ->option_text("NAME")
      ->take_last();
  add_import_options(*command, options->import);
  add_setting(*command, options->import.flags, "--dry-run", "dry_run", "read everything, write nothing");
  command->callback(
      [options, &program] { program.run = [options, &program] { return run_copy(*options, program.globals); }; });
}

}  // namespace fm::cli
