#include "cli/drop_in.h"

#include <chrono>
#include <cstdio>
#include <random>

#include "base/text.h"
#include "bson/json.h"
#include "cli/plan_text.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "cli/table.h"
#include "exec/heads.h"
#include "exec/runner.h"
#include "revisions/catalogue.h"
#include "revisions/version_map.h"

namespace fm::cli {

using bson::Document;

namespace {

void line(const std::string& text) { std::printf("%s\n", text.c_str()); }

// Log lines on stdout, as the original has them; progress on stderr.
class DropInObserver final : public RunObserver {
 public:
  DropInObserver(int error_level, Progress& progress, bool quiet)
      : error_level_(error_level), progress_(progress), quiet_(quiet) {}

  void message(const ops::Message& message) override { say(message.text); }
  void failure(const DatasetFailure& failure) override {
    if (error_level_ == 1) say(failure.error.what());
  }
  void phase(const std::string& name, std::size_t datasets) override { progress_.phase(name, datasets); }
  void datasets_done(std::size_t done) override { progress_.datasets_done(done); }
  void collection(const std::string& name, std::int64_t done, std::int64_t total) override {
    progress_.collection(name, done, total);
  }

 private:
  void say(const std::string& text) {
    if (quiet_) return;
    progress_.clear();
    line(text);
  }

  int error_level_;
  Progress& progress_;
  bool quiet_;
};

bool is_admin(const Settings& settings, Edition edition) {
  return settings.database_admin.value_or(edition == Edition::kOpenSource);
}

Document info_document(const DatabaseHeads& found, const Catalogue& catalogue) {
  bson::Array datasets;
  for (const auto& head : found.heads.datasets) {
    if (!head.has_name_key) continue;
    datasets.append(Document{{"name", head.name ? bson::Value(*head.name) : bson::Value()},
                             {"version", head.version ? bson::Value(*head.version) : bson::Value()}});
  }
  return {{"client_version", catalogue.client},
          {"compatible_versions", catalogue.compatible.str()},
          {"database_version", found.heads.database.value_or(catalogue.client)},
          {"datasets", std::move(datasets)}};
}

// Equal names are one row, with the last version at the first one's place.
std::vector<std::vector<std::string>> info_rows(const Heads& heads) {
  std::vector<std::vector<std::string>> rows;
  std::map<std::string, std::size_t> row_of;
  for (const auto& head : heads.datasets) {
    if (!head.has_name_key) continue;
    const auto name = head.name.value_or("");
    const auto [found, added] = row_of.emplace(name, rows.size());
    if (added) rows.push_back({name, ""});
    rows[found->second][1] = head.version ? shown_version(*head.version) : "";
  }
  return rows;
}

int print_info(const DropInOptions& options, const DatabaseHeads& found, const Catalogue& catalogue) {
  if (!options.names.empty()) {
    for (const auto& name : options.names) {
      const auto& all = found.heads.datasets;
      const auto head = std::find_if(all.begin(), all.end(), [&](const DatasetHead& h) { return h.name == name; });
      if (head == all.end()) {
        throw Error(Exit::kNotFound, "Dataset " + name + " not found", "", "fiftyone.core.dataset.DatasetNotFoundError");
      }
      line(head->version.value_or("None"));
    }
    return 0;
  }
  if (options.json) {
    line(bson::to_relaxed_json(info_document(found, catalogue)));
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
  const auto rows = info_rows(found.heads);
  if (rows.empty()) return 0;
  line("");
  std::fputs(text_table({"dataset", "version"}, rows).c_str(), stdout);
  return 0;
}

}  // namespace

int run_drop_in(const DropInOptions& options, const Settings& settings) {
  const auto& catalogue = built_in_catalogue();
  Session session(settings);
  for (const auto& warning : session.warnings()) std::fprintf(stderr, "%s\n", warning.c_str());
  const auto found = read_heads(session.mongo());

  if (options.info) {
    return print_info(options, found, catalogue);
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

  Progress progress(Progress::automatic());
  DropInObserver observer(options.error_level, progress, options.json);
  RunSettings run_settings;
  run_settings.refuse_all = options.error_level <= 0;
  run_settings.allow_loss = true;
  run_settings.verbose = options.verbose;
  run_settings.jobs = jobs_of(settings);
  Runner runner(session.mongo(), catalogue, now_ms(), random_seed(), run_settings, observer);

  if (options.dry_run) {
    const auto survey = runner.survey(plan, found, true);
    progress.clear();
    if (options.json) {
      line(bson::to_relaxed_json(plan_document(plan, found, survey)));
    } else {
      std::fputs(plan_text(plan, found, survey).c_str(), stdout);
    }
    return 0;
  }
  RunReport report;
  if (!plan.nothing_to_do()) report = runner.run(plan, found);
  progress.clear();
  if (options.json) line(bson::to_relaxed_json(report_document(plan, found, report)));
  if (report.failures.empty() || settings.legacy_exit) return 0;
  return static_cast<int>(Exit::kPartial);
}

}  // namespace fm::cli
