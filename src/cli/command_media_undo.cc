#include <fmt/format.h>

#include <memory>

#include "base/text.h"
#include "cli/deployment.h"
#include "cli/media_commands.h"
#include "cli/migration_options.h"
#include "cli/program_version.h"
#include "cli/signals.h"
#include "exec/control.h"
#include "exec/restore_mark.h"
#include "media/undo.h"
#include "store/lease.h"

namespace fm::cli {

using bson::Document;

namespace {

struct UndoOptions {
  std::string run;
  bool skip_changed = false;
};

int run_undo(const UndoOptions& options, const Globals& globals) {
  const auto settings = globals.load();
  const auto log = Log::to_stderr(settings, globals.quiet);
  const MongoDriver driver;
  Deployment deployment(settings, log);
  auto& mongo = deployment.session.mongo();
  const Lease lease(mongo);
  refuse_while_restoring(mongo);
  const auto run = media::Runs(mongo).find(options.run);
  Progress progress(globals.progress_mode(), &log);
  progress.phase("Taking back", 1);
  Control control(mongo, {}, StopSignals::asked, warn_over(progress, log));
  const StopSignals signals(log);
  const auto report = media::undo_run(mongo, run, options.skip_changed, {globals.command_line, program_version()},
                                      [&](const std::string& collection, std::int64_t done, std::int64_t of) {
                                        progress.collection(collection, done, of);
                                        control.checkpoint();
                                      });
  progress.clear();
  bson::Array examples;
  std::string text = fmt::format("Wrote the old paths of {} documents back.\n", format_count(report.restored));
  if (report.gone > 0) text += fmt::format("{} are no longer there.\n", format_count(report.gone));
  if (report.changed > 0)
    text += fmt::format("{} have changed since and were left alone:\n", format_count(report.changed));
  for (const auto& example : report.changed_examples) {
    text += "  " + example + "\n";
    examples.append(example);
  }
  globals.print(text, Document{{"run", run.id},
                               {"restored", report.restored},
                               {"gone", report.gone},
                               {"changed", report.changed},
                               {"changed_examples", std::move(examples)}});
  return static_cast<int>(report.changed > 0 ? Exit::kPartial : Exit::kDone);
}

}  // namespace

void setup_media_undo(Program& program, CLI::App& media) {
  auto options = std::make_shared<UndoOptions>();
  auto* command = media.add_subcommand("undo", "Writes the paths back that a run has changed.");
  command->add_option("RUN", options->run, "as rewrite and upload print it")->required()->option_text("RUN");
  command->add_flag("--skip-changed", options->skip_changed, "leave documents alone whose paths changed since");
  command->callback(
      [options, &program] { program.run = [options, &program] { return run_undo(*options, program.globals); }; });
}

}  // namespace fm::cli
