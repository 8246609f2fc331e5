#include <unistd.h>

#include <memory>

#include "base/text.h"
#include "base/version.h"
#include "bson/read.h"
#include "cli/counted.h"
#include "cli/deployment.h"
#include "cli/migration_options.h"
#include "cli/plan_text.h"
#include "cli/printable.h"
#include "cli/program.h"
#include "cli/program_version.h"
#include "cli/prompt.h"
#include "cli/run_observer.h"
#include "cli/service_undo.h"
#include "exec/exclusive.h"
#include "exec/rights.h"
#include "exec/undo.h"
#include "exec/verify_document.h"

namespace fm::cli {

using bson::Array;
using bson::Document;

namespace {

struct UndoOptions {
  std::string run = "last";
  bool skip_changed = false;
  SettingFlags flags;
};

std::string text_of(const UndoReport& report, const Style& style) {
  std::string out = "Took run " + report.run + " back: " +
                    (report.repair ? counted(report.documents, "write") + " of a repair"
                     : report.database && report.datasets == 0
                         ? std::string("the database")
                         : (report.database ? "the database and " : "") + counted(report.datasets, "dataset")) +
                    ", in " + format_duration(report.seconds) + ".\n";
  if (report.gone > 0) out += format_count(report.gone) + " documents were deleted since.\n";
  if (!report.deleted.empty()) {
    out += "\n" + style.heading("Deleted since:") + "\n";
    for (const auto& name : report.deleted) out += "  " + name + "\n";
  }
  if (!report.failures.empty()) {
    const auto left = report.repair ? report.changed : static_cast<std::int64_t>(report.failures.size());
    out += "\n" + style.error("Left as they are (" + format_count(left) + "):") + "\n";
    for (const auto& failure : report.failures) {
      out += "  " + printable(failure.name + ": " + failure.error.what()) + "\n";
    }
    out += "`fiftyone-migrator undo " + report.run + "` takes them back later, if nothing is in the way then.\n";
  }
  return out + "`fiftyone-migrator undo " + report.by + "` takes this back.\n";
}

Document document_of(const UndoReport& report) {
  Array failures;
  for (const auto& failure : report.failures) {
    failures.append(Document{{"dataset", failure.name}, {"error", failure.error.what()}, {"changed", failure.refused}});
  }
  Document out{{"run", report.run},
               {"by", report.by},
               {"datasets", static_cast<std::int64_t>(report.datasets)},
               {"database", report.database},
               {"deleted", Array::of(report.deleted)},
               {"failures", std::move(failures)},
               {"seconds", report.seconds}};
  if (report.repair) {
    out.append("documents", report.documents);
    out.append("gone", report.gone);
    out.append("changed", report.changed);
  }
  return out;
}

// Migrations after that run, without an undo log.
std::string kept_nothing_since(Mongo& mongo, const std::string& run) {
  std::vector<std::string> out;
  for (const auto& one : History(mongo).runs()) {
    const auto id = bson::text_at(one, "_id");
    if (id == run) break;
    if (bson::text_at(one, "kind") == "migrate" && !Residue(mongo).run(id)) out.push_back(id);
  }
  return some_of(out);
}

std::string about(const RunRecord& record) {
  return Version::try_parse(record.target) ? "to v" + record.target : record.target;
}

int run_undo(const UndoOptions& options, const Globals& globals) {
  const auto settings = globals.load(options.flags);
  require_admin(settings);
  auto log = Log::to_stderr(settings, globals.quiet);
  const MongoDriver driver;
  Deployment deployment(settings, log);
  auto& mongo = deployment.session.mongo();
  Progress progress(globals.progress_mode(), &log);
  ProgressObserver observer(progress);
  Control control(mongo, limits_of(settings), StopSignals::asked, warn_over(progress, log));
  RunSettings run_settings;
  run_settings.origin = {globals.command_line, program_version()};
  run_settings.control = &control;
  require_rights(mongo);
  if (const auto unsaid = Undo::unsaid(mongo, options.run)) {
    Exclusive(mongo, "").hold();
    log.info("The undo had come to its end when it was ended; nothing was left to do");
    globals.print(text_of(*unsaid, globals.style(STDOUT_FILENO)), document_of(*unsaid));
    return static_cast<int>(unsaid->failures.empty() ? Exit::kDone : Exit::kPartial);
  }
  const auto record = Undo::find(mongo, options.run);
  if (options.run == "last") {
    if (const auto later = kept_nothing_since(mongo, record.run); !later.empty()) {
      log.warning("Later runs kept nothing for undo, and what they did stays: " + later);
    }
  }
  ServiceUndo services(record, settings, globals, deployment, log, control);
  services.require_rights();
  if (!settings.yes && can_ask() && !ask("Take run " + record.run + " (" + about(record) + ") back?")) {
    throw Error(Exit::kRefused, "Nothing was written: the answer was no", "--yes asks nothing.");
  }
  const StopSignals signals(log);
  Exclusive exclusive(mongo, "");
  exclusive.take(deployment.found);
  // What another run left half-way goes on first; an undo of this run, too.
  const auto left = Journal(mongo).unfinished();
  std::size_t finished = 0;
  if (left && left->run != record.run) {
    const auto datasets = exclusive.finish_interrupted(globals.catalogue(), run_settings, observer, deployment.found);
    if (left->undoes == record.run) finished = datasets;
    progress.clear();
    control.checkpoint();
    log.info("An interrupted run was finished");
  }
  Plan plan;
  plan.target = Undo::target(record);
  const auto drawn = exclusive.draw(plan);
  const auto by = run_id(drawn.now_ms, drawn.seed);
  log.name_run(by);
  MigrateObserver warns(progress, log, false);
  services.prepare(warns);
  if (services.any()) {
    services.check(options.skip_changed, observer);
    run_settings.take_left = [&] { return services.take_left(); };
    run_settings.services = services.parts();
    run_settings.details.append("services", services.details());
    run_settings.before_writes = [&] { services.go_before(by, drawn.now_ms, drawn.seed, warns); };
    run_settings.after_writes = [&] { services.go_after(by, drawn.now_ms, drawn.seed, warns); };
  }
  const auto report = Undo(mongo, globals.catalogue(), drawn.now_ms, drawn.seed, run_settings, observer)
                          .run(record, options.skip_changed, finished);
  progress.clear();
  if (!report.left.empty()) log.warning(report.left);
  auto document = document_of(report);
  if (deployment.enterprise()) document.append("services", services.documents());
  globals.print(services.text() + text_of(report, globals.style(STDOUT_FILENO)), document);
  return static_cast<int>(report.failures.empty() ? Exit::kDone : Exit::kPartial);
}

}  // namespace

void setup_undo(Program& program) {
  auto options = std::make_shared<UndoOptions>();
  auto* command = program.app.add_subcommand("undo", "Takes the last run, or another one, back.");
  command->add_option("RUN", options->run, "id of the run, or its beginning; none: the last one")->option_text("[RUN]");
  command->add_flag("--skip-changed", options->skip_changed, "leave datasets that were changed since as they are");
  add_setting(*command, options->flags, "--yes", "yes", "ask nothing");
  bind_pace_options(*command, options->flags);
  command->callback(
      [options, &program] { program.run = [options, &program] { return run_undo(*options, program.globals); }; });
}

}  // namespace fm::cli
