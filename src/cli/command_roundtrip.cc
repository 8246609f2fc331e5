#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "base/text.h"
#include "cli/counted.h"
#include "cli/deployment.h"
#include "cli/migration_options.h"
#include "cli/plan_text.h"
#include "cli/printable.h"
#include "cli/run_observer.h"
#include "cli/table.h"
#include "cli/until_stopped.h"
#include "exec/exclusive.h"
#include "exec/rights.h"
#include "exec/roundtrip.h"
#include "plan/refusals.h"
#include "revisions/catalogue.h"

namespace fm::cli {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr std::size_t kMostLines = 40;
constexpr std::size_t kCells = 56;

struct Options {
  MigrationOptions target;
  std::int64_t sample = ScratchSize{}.samples;
};

const char* word(RoundtripDifference::Kind kind) {
  switch (kind) {
    case RoundtripDifference::Kind::kLost:
      return "lost";
    case RoundtripDifference::Kind::kChanged:
      return "changed";
    case RoundtripDifference::Kind::kAdded:
      break;
  }
  return "added";
}

// Datasets have collections and fields of their own, and the same happens to all.
std::string in_general(const RoundtripDifference& one) {
  auto collection = one.collection;
  for (const char* own : {"samples.", "frames.", "patches.", "clips."}) {
    if (collection.starts_with(own)) collection = own + std::string("*");
  }
  auto path = one.path;
  if (path.starts_with("sample_fields.") || path.starts_with("frame_fields.")) {
    const auto name = path.find('.') + 1;
    const auto rest = path.find('.', name);
    if (rest != std::string::npos) path.replace(name, rest - name, "*");
  }
  return collection + ": " + path;
}

std::string differences_text(const RoundtripReport& report) {
  struct Line {
    std::int64_t documents = 0;
    std::set<std::string> datasets;
    std::string example;
  };
  std::map<std::pair<RoundtripDifference::Kind, std::string>, Line> lines;
  for (const auto& one : report.differences) {
    auto& line = lines[{one.kind, in_general(one)}];
    line.documents += one.documents;
    line.datasets.insert(one.dataset);
    if (line.example.empty()) line.example = one.example;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& [key, line] : lines) {
    if (rows.size() == kMostLines) break;
    const auto datasets = line.datasets.size() == 1 ? one_line(*line.datasets.begin(), kCells)
                                                    : format_count(static_cast<std::int64_t>(line.datasets.size()));
    rows.push_back({word(key.first), one_line(key.second, kCells), format_count(line.documents), datasets,
                    one_line(line.example, kCells)});
  }
  auto out = text_table({"what", "where", "documents", "datasets", "before -> after, in one of them"}, rows);
  if (lines.size() > rows.size()) {
    out += counted(static_cast<std::int64_t>(lines.size() - rows.size()), "more line") + "; -o json lists all.\n";
  }
  return out;
}

std::string verdict(const RoundtripReport& report) {
  if (report.differences.empty()) return "all are as they were.\n";
  const bool only_added = std::all_of(report.differences.begin(), report.differences.end(),
                                      [](const auto& one) { return one.kind == RoundtripDifference::Kind::kAdded; });
  return only_added ? "none lost anything, but what the newer version added stays.\n" : "some are not as they were.\n";
}

std::string text_of(const RoundtripReport& report, const Style& style) {
  std::string out;
  for (const auto& failure : report.failures) {
    out += style.error(failure.refused ? "Refused:" : "Failed:") + " " + printable(failure.error.what()) + "\n";
  }
  if (!out.empty()) out += "\n";
  if (!report.differences.empty()) out += style.heading("Differences:") + "\n" + differences_text(report) + "\n";
  if (report.meanwhile > 0) {
    out += counted(report.meanwhile, "document") + " left out: changed by other clients meanwhile.\n";
  }
  return out + counted(static_cast<std::int64_t>(report.datasets), "dataset") + " went to v" + report.target +
         " and back in " + format_duration(report.seconds) + ": of " + counted(report.documents, "document") + ", " +
         verdict(report);
}

Document document_of(const RoundtripReport& report) {
  Array differences;
  for (const auto& one : report.differences) {
    differences.append(Document{{"what", word(one.kind)},
                                {"dataset", one.dataset.empty() ? Value() : Value(one.dataset)},
                                {"collection", one.collection},
                                {"path", one.path},
                                {"documents", one.documents},
                                {"example", one.example.empty() ? Value() : Value(one.example)}});
  }
  Array failures;
  for (const auto& failure : report.failures) {
    failures.append(Document{{"dataset", failure.name}, {"error", failure.error.what()}, {"refused", failure.refused}});
  }
  return {{"target", report.target},
          {"datasets", static_cast<std::int64_t>(report.datasets)},
          {"documents", report.documents},
          {"changed_meanwhile", report.meanwhile},
          {"differences", std::move(differences)},
          {"failures", std::move(failures)},
          {"seconds", report.seconds}};
}

int run(const Options& options, const Globals& globals) {
  const auto chosen = choose_services(options.target.selection);
  if (!chosen.has(Service::kDatasets)) {
    throw Error(Exit::kUsage, "roundtrip tries datasets, and they are left out",
                "What a migration of services takes away, `plan` counts, and `undo` brings back.");
  }
  const auto version = chosen.version;
  const auto settings = globals.load(options.target.flags);
  if (settings.disable_migrations) throw refusals::migrations_disabled();
  const auto& catalogue = globals.catalogue();
  const auto log = Log::to_stderr(settings, globals.quiet);
  const MongoDriver driver;
  Deployment deployment(settings, log);
  auto& mongo = deployment.session.mongo();
  const auto target =
      resolve_target(deployment.found.heads.edition, version, options.target.os_version, globals.versions());
  if (!target.note.empty()) log.info(target.note);

  Request request;
  request.target = target.version;
  for (const auto& name : options.target.names) request.names.push_back(Globals::as_typed(name));
  request.admin = settings.database_admin;
  const auto plan = make_plan(catalogue, deployment.found.heads, request);
  if (plan.datasets.empty()) {
    if (!plan.refused.empty()) throw plan.refused.front().error;
    throw Error(Exit::kUsage, "Every dataset is at v" + plan.target + " already: there is nowhere to go",
                "Name another version: roundtrip VERSION.");
  }
  require_rights(mongo);
  Exclusive exclusive(mongo, "");
  exclusive.take(deployment.found);

  Progress progress(globals.progress_mode(), &log);
  MigrateObserver observer(progress, log, false);
  Control control(mongo, {}, StopSignals::asked, warn_over(progress, log));
  RoundtripSettings wanted;
  wanted.size = {options.sample, jobs_of(settings)};
  wanted.run.control = &control;
  wanted.run.jobs = wanted.size.jobs;
  wanted.run.undo_log = settings.undo_log;
  const auto report =
      until_stopped(log, "the copies are gone again, and nothing else was written", "The same command begins anew.",
                    [&] { return roundtrip(mongo, catalogue, deployment.found, plan, wanted, observer); });
  progress.clear();
  globals.print(text_of(report, globals.style(STDOUT_FILENO)), document_of(report));
  if (!report.differences.empty()) return static_cast<int>(Exit::kMismatch);
  return static_cast<int>(report.failures.empty() ? Exit::kDone : Exit::kPrecondition);
}

}  // namespace

void setup_roundtrip(Program& program) {
  auto options = std::make_shared<Options>();
  auto* command = program.app.add_subcommand("roundtrip", "Tries on samples whether data come back.");
  bind_target_options(*command, options->target);
  command->add_option("--sample", options->sample, "samples of each dataset")
      ->option_text("N")
      ->check(CLI::Range(1, 1000000))
      ->take_last();
  add_setting(*command, options->target.flags, "--undo-log", "undo_log", "as migrate would (on)", "on|off");
  add_setting(*command, options->target.flags, "-j,--jobs", "jobs", "datasets at a time", "N");
  command->callback(
      [options, &program] { program.run = [options, &program] { return run(*options, program.globals); }; });
}

}  // namespace fm::cli
