#include "cli/drop_in.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "bson/json.h"
#include "cli/log.h"
#include "cli/migration_options.h"
#include "cli/parked.h"
#include "cli/plan_text.h"
#include "cli/printable.h"
#include "cli/program_version.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "cli/signals.h"
#include "cli/streams.h"
#include "cli/style.h"
#include "cli/table.h"
#include "exec/exclusive.h"
#include "exec/heads.h"
#include "exec/restore_mark.h"
#include "exec/rights.h"
#include "exec/runner.h"
#include "plan/refusals.h"
#include "revisions/catalogue.h"
#include "revisions/version_map.h"

namespace fm::cli {

using bson::Document;

namespace {

void line(const std::string& text) { write_result(text + "\n"); }

// Log lines as the original has them; progress on stderr.
class DropInObserver final : public RunObserver {
 public:
  DropInObserver(int error_level, Progress& progress, const Log& log)
      : error_level_(error_level), progress_(progress), log_(log) {}

  void about(const std::string& dataset) override { dataset_ = dataset; }
  void message(const ops::Message& message) override {
    say(message.level == ops::Message::Level::kWarning ? LogLevel::kWarning : LogLevel::kInfo, message.text, dataset_);
  }
  void failure(const DatasetFailure& failure) override {
    if (error_level_ <= 1) say(LogLevel::kWarning, failure.error.what(), failure.name);
  }
  void phase(const std::string& name, std::size_t datasets) override { progress_.phase(name, datasets); }
  void datasets_done(std::size_t done) override { progress_.datasets_done(done); }
  void collection(const std::string& name, std::int64_t done, std::int64_t total) override {
    progress_.collection(name, done, total);
  }

 private:
  void say(LogLevel level, const std::string& text, const std::string& dataset) {
    progress_.clear();
    log_.write(level, text, dataset_field(dataset));
  }

  int error_level_;
  Progress& progress_;
  const Log& log_;
  std::string dataset_;
};

bool is_admin(const Settings& settings, Edition edition) {
  return settings.database_admin.value_or(edition == Edition::kOpenSource);
}

// The datasets of `names`, in that order; without names all that have one.
std::vector<const DatasetHead*> shown_datasets(const DropInOptions& options, const Heads& heads) {
  std::vector<const DatasetHead*> out;
  for (const auto& head : heads.datasets) {
    if (options.names.empty() && head.has_name_key) out.push_back(&head);
  }
  for (const auto& name : options.names) {
    const auto& all = heads.datasets;
    const auto head = std::find_if(all.begin(), all.end(), [&](const DatasetHead& h) { return h.name == name; });
    if (head == all.end()) throw refusals::dataset_not_found(name);
    out.push_back(&*head);
  }
  return out;
}

Document info_document(const std::vector<const DatasetHead*>& shown, const DatabaseHeads& found,
                       const Catalogue& catalogue, const Parked& parked) {
  bson::Array datasets;
  for (const auto* head : shown) {
    datasets.append(Document{{"name", head->name ? bson::Value(*head->name) : bson::Value()},
                             {"version", head->version ? bson::Value(parked.shown_version(*head)) : bson::Value()}});
  }
  return {{"client_version", catalogue.client},
          {"compatible_versions", catalogue.compatible.str()},
          {"database_version", found.heads.database.value_or(catalogue.client)},
          {"datasets", std::move(datasets)}};
}

// Equal names are one row, with the last version at the first one's place.
std::vector<std::vector<std::string>> info_rows(const Heads& heads, const Parked& parked) {
  std::vector<std::vector<std::string>> rows;
  std::map<std::string, std::size_t> row_of;
  for (const auto& head : heads.datasets) {
    if (!head.has_name_key) continue;
    const auto name = head.name.value_or("");
    const auto [found, added] = row_of.emplace(name, rows.size());
    if (added) rows.push_back({name, ""});
    rows[found->second][1] = parked.shown_version(head);
  }
  return rows;
}

// Lines before a name that there is not are printed all the same, as by the
// original.
void print_versions(const DropInOptions& options, const Heads& heads, const Parked& parked) {
  for (const auto& name : options.names) {
    DropInOptions one;
    one.names = {name};
    const auto* head = shown_datasets(one, heads).front();
    line(head->version ? parked.shown_version(*head) : "None");
  }
}

int print_info(const DropInOptions& options, const DatabaseHeads& found, const Catalogue& catalogue,
               const Parked& parked) {
  if (options.json) {
    line(bson::to_relaxed_json(info_document(shown_datasets(options, found.heads), found, catalogue, parked)));
    return 0;
  }
  if (!options.names.empty()) {
    print_versions(options, found.heads, parked);
    return 0;
  }
  const auto version = found.heads.database.value_or(catalogue.client);
  if (found.heads.edition == Edition::kEnterprise) {
    line("FiftyOne Enterprise version: " + VersionMap::built_in().newest().enterprise);
    line("FiftyOne compatibility version: " + catalogue.client);
    line("Database version: " + version);
  } else {
    line("Client version: " + catalogue.client);
    line("Compatible versions: " + catalogue.compatible.str());
    line("");
    line("Database version: " + version);
  }
  const auto rows = info_rows(found.heads, parked);
  if (rows.empty()) return 0;
  line("");
  write_result(text_table({"dataset", "version"}, rows, kAnyWidth));
  return 0;
}

}  // namespace

int run_drop_in(const DropInOptions& options, const Settings& settings) {
  const bool dry_run = options.dry_run || settings.dry_run;
  const int error_level = options.error_level.value_or(settings.error_level.value_or(1));
  const auto log = Log::drop_in(settings, options.info || options.json || dry_run);
  Session session(settings);
  for (const auto& warning : session.warnings()) log.warning(warning);
  auto found = read_heads(session.mongo());
  const auto& catalogue = built_in_catalogue();
  if (options.info) return print_info(options, found, catalogue, Parked(session.mongo(), found.heads));

  refuse_while_restoring(session.mongo());
  Progress progress(Progress::automatic(), &log);
  DropInObserver observer(error_level, progress, log);
  RunSettings run_settings;
  run_settings.jobs = jobs_of(settings);
  run_settings.undo_log = settings.undo_log;
  run_settings.origin = {options.command_line, program_version()};
  auto wanted = request_text(options.all ? std::vector<std::string>() : options.names, settings.undo_log);
  if (!options.all && options.names.empty()) wanted += "database";
  Exclusive exclusive(session.mongo(), std::move(wanted));
  std::optional<Control> control;
  if (!dry_run && !settings.disable_migrations && is_admin(settings, found.heads.edition)) {
    control.emplace(session.mongo(), limits_of(settings), StopSignals::asked, [&](const std::string& text) {
      progress.clear();
      log.info(text);
    });
    run_settings.control = &*control;
    const StopSignals signals(log);
    exclusive.finish_interrupted(catalogue, run_settings, observer, found);
    control->checkpoint();
  }

  Request request;
  request.command = Request::Command::kDropIn;
  request.target = options.version;
  request.all = options.all;
  request.names = options.names;
  request.admin = is_admin(settings, found.heads.edition);
  request.disabled = settings.disable_migrations;
  request.services_disabled = !settings.migration_on_connect_allowed();
  if (settings.disable_migrations) {
    std::fprintf(stderr, "FIFTYONE_DISABLE_MIGRATIONS is set: nothing is migrated\n");
  }
  const auto plan = make_plan(catalogue, found.heads, request);

  run_settings.refuse_all = error_level <= 0;
  run_settings.allow_loss = !dry_run;  // what is allowed to go is not counted
  run_settings.verbose = options.verbose;
  auto runner = exclusive.runner(plan, catalogue, run_settings, observer);

  if (dry_run) {
    const auto survey = runner.survey(plan, found, true);
    progress.clear();
    if (options.json) {
      line(bson::to_relaxed_json(plan_document(plan, found.heads, survey)));
    } else {
      const auto text = plan_text(plan, found.heads, survey, Style::choose("auto", STDOUT_FILENO));
      write_result(printable_styled_on(STDOUT_FILENO, text));
    }
    return 0;
  }
  RunReport report;
  if (!plan.nothing_to_do()) {
    require_rights(session.mongo());
    const StopSignals signals(log);
    exclusive.take(found);
    report = runner.run(plan, found);
  } else if (control) {
    report = exclusive.nothing_left(plan);
  }
  progress.clear();
  if (options.json) line(bson::to_relaxed_json(report_document(plan, report)));
  if (report.failures.empty()) return 0;
  // The original ends with the first dataset that fails.
  if (error_level <= 0) throw report.failures.front().error;
  return settings.legacy_exit ? 0 : static_cast<int>(Exit::kPartial);
}

void print_drop_in_error(const Error& error) {
  std::string text = error.what();
  // The driver's own words stand apart from the original's text.
  constexpr std::string_view kUnreachable = "Could not connect to `mongod`";
  if (error.code() == Exit::kUnreachable && text.starts_with(std::string(kUnreachable) + ": ")) {
    std::fprintf(stderr, "%s\n", text.c_str() + kUnreachable.size() + 2);
    text.resize(kUnreachable.size());
  }
  if (!error.remedy().empty()) std::fprintf(stderr, "%s\n", error.remedy().c_str());
  std::fprintf(stderr, "%s: %s\n", error.type().c_str(), text.c_str());
}

int drop_in_status(Exit code) {
  switch (code) {
    case Exit::kPartial:
    case Exit::kLocked:
    case Exit::kInterrupted:
    case Exit::kTerminated:
      return static_cast<int>(code);
    case Exit::kPending:
      return static_cast<int>(Exit::kPartial);  // stopped by FIFTYONE_MIGRATOR_MAX_TIME
    default:
      return 1;
  }
}

}  // namespace fm::cli
