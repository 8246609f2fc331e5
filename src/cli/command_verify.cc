#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/text.h"
#include "cli/deployment.h"
#include "cli/plan_text.h"
#include "cli/program.h"
#include "cli/table.h"
#include "exec/verify.h"
#include "revisions/catalogue.h"

namespace fm::cli {

using bson::Array;
using bson::Document;
using Kind = Problem::Kind;

namespace {

constexpr std::size_t kShown = 50;

struct Options {
  std::vector<std::string> names;
  bool deep = false;
  SettingFlags flags;
};

std::string count_of(std::size_t n, const char* thing) {
  return format_count(static_cast<std::int64_t>(n)) + " " + thing + (n == 1 ? "" : "s");
}

std::string times(const Problem& problem) { return format_count(problem.count) + (problem.at_least ? " or more" : ""); }

// Problems of one dataset, or of the database.
struct Group {
  std::string name;
  std::vector<const Problem*> problems;
};

std::vector<Group> grouped(const std::vector<Problem>& problems) {
  std::vector<Group> out;
  const Problem* last = nullptr;
  for (const auto& one : problems) {
    if (!last || !(last->dataset_id == one.dataset_id)) {
      out.push_back({one.dataset.empty() ? "The database" : "Dataset '" + one.dataset + "'", {}});
    }
    out.back().problems.push_back(&one);
    last = &one;
  }
  return out;
}

std::string group_text(const Group& group, const Style& style) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> remedies;
  std::vector<std::string> repairs;
  const auto add = [](std::vector<std::string>& texts, const std::string& text) {
    if (!text.empty() && std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(text);
  };
  for (const auto* one : group.problems) {
    rows.push_back({name_of(one->kind), one->where, times(*one), one->what});
    add(remedies, one->remedy);
    add(repairs, one->repair);
  }
  auto out = style.heading(group.name) + "\n" + text_table({"problem", "where", "count", "what"}, rows);
  for (const auto& remedy : remedies) out += "  " + remedy + "\n";
  for (const auto& repair : repairs) out += "  Certain to mend it: " + repair + ".\n";
  return out + "\n";
}

struct Totals {
  std::map<Kind, std::size_t> kinds;
  std::size_t problems = 0;
  std::size_t notes = 0;
  std::size_t datasets = 0;
};

Totals totals(const VerifyReport& report) {
  Totals out;
  const Problem* last = nullptr;
  for (const auto& one : report.problems) {
    if (one.kind == Kind::kNote) {
      ++out.notes;
      continue;
    }
    ++out.problems;
    ++out.kinds[one.kind];
    if (!one.dataset.empty() && (!last || !(last->dataset_id == one.dataset_id))) ++out.datasets;
    last = &one;
  }
  return out;
}

std::string summary(const VerifyReport& report, const Totals& total) {
  std::string out = "Looked at " + count_of(report.datasets, "dataset") + ": ";
  if (total.problems == 0) {
    out += "nothing is wrong";
  } else {
    out += count_of(total.problems, "problem");
    if (total.datasets > 0) out += " in " + count_of(total.datasets, "dataset");
    std::string kinds;
    for (const auto& [kind, n] : total.kinds) {
      kinds += (kinds.empty() ? "" : ", ") + format_count(static_cast<std::int64_t>(n)) + " " + name_of(kind);
    }
    out += " (" + kinds + ")";
  }
  if (total.notes > 0) out += "; " + count_of(total.notes, "note");
  return out + ".\n";
}

std::string report_text(const VerifyReport& report, const Totals& total, const Style& style) {
  std::string out;
  const auto groups = grouped(report.problems);
  for (std::size_t i = 0; i < std::min(groups.size(), kShown); ++i) out += group_text(groups[i], style);
  if (groups.size() > kShown) out += count_of(groups.size() - kShown, "more dataset") + "; -o json lists all.\n\n";
  return out + summary(report, total);
}

Document report_document(const VerifyReport& report, const Totals& total) {
  Array problems;
  for (const auto& one : report.problems) {
    Document line{{"dataset", one.dataset.empty() ? bson::Value() : bson::Value(one.dataset)},
                  {"dataset_id", one.dataset_id},
                  {"problem", name_of(one.kind)},
                  {"where", one.where},
                  {"what", one.what},
                  {"count", one.count},
                  {"at_least", one.at_least},
                  {"remedy", one.remedy},
                  {"repair", one.repair.empty() ? bson::Value() : bson::Value(one.repair)}};
    problems.append(std::move(line));
  }
  return {{"datasets", static_cast<std::int64_t>(report.datasets)},
          {"problems", static_cast<std::int64_t>(total.problems)},
          {"notes", static_cast<std::int64_t>(total.notes)},
          {"found", std::move(problems)}};
}

int run_verify(const Options& options, const Globals& globals) {
  const auto settings = globals.load(options.flags);
  const auto log = Log::to_stderr(settings, globals.quiet);
  const MongoDriver driver;
  Deployment deployment(settings, log);
  VerifySettings wanted;
  for (const auto& name : options.names) wanted.names.push_back(Globals::as_typed(name));
  wanted.deep = options.deep;
  wanted.jobs = jobs_of(settings);
  const auto report = verify(deployment.session.mongo(), built_in_catalogue(), deployment.found, wanted);
  const auto total = totals(report);
  globals.print(report_text(report, total, globals.style(STDOUT_FILENO)), report_document(report, total));
  if (total.kinds.contains(Kind::kHalfWay)) return static_cast<int>(Exit::kPrecondition);
  return static_cast<int>(total.problems == 0 ? Exit::kDone : Exit::kMismatch);
}

}  // namespace

void setup_verify(Program& program) {
  auto options = std::make_shared<Options>();
  auto* command = program.app.add_subcommand("verify", "Looks for damage and what is missing.");
  command->add_option("-n,--dataset-name", options->names, "only these datasets")->option_text("NAME...");
  command->add_flag("--deep", options->deep, "every sample, frame and result; indexes");
  add_setting(*command, options->flags, "-j,--jobs", "jobs", "datasets at a time", "N");
  command->callback(
      [options, &program] { program.run = [options, &program] { return run_verify(*options, program.globals); }; });
}

}  // namespace fm::cli
