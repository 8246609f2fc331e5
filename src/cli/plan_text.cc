#include "cli/plan_text.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/machine.h"
#include "base/text.h"
#include "cli/table.h"

namespace fm::cli {

using bson::Array;
using bson::Document;

namespace {

const char* word(Direction direction) { return direction == Direction::kUp ? "up" : "down"; }

std::string revision_list(const Route& route) {
  constexpr std::size_t kMost = 4;
  const auto& all = route.revisions;
  if (all.empty()) return "version only";
  if (all.size() > kMost) {
    return all.front()->text + " ... " + all.back()->text + " (" + std::to_string(all.size()) + ")";
  }
  std::string out;
  for (const auto* revision : route.revisions) {
    if (!out.empty()) out += " ";
    out += revision->text;
  }
  return out;
}

std::string nothing_to_do(const Plan& plan) {
  return "Nothing to do: everything is at v" + plan.target + " already.\n";
}

Document route_document(const Route& route) {
  Array revisions;
  for (const auto* revision : route.revisions) {
    Document one{{"version", revision->text}, {"title", revision->title}};
    if (route.direction == Direction::kDown) {
      one.append("down", revision->down_label == DownLabel::kExact   ? "exact"
                         : revision->down_label == DownLabel::kLossy ? "lossy"
                                                                     : "refused");
    }
    revisions.append(std::move(one));
  }
  return {{"from", route.from},
          {"to", route.to},
          {"direction", word(route.direction)},
          {"revisions", std::move(revisions)}};
}

Array loss_array(const std::vector<Loss>& losses) {
  Array out;
  for (const auto& loss : losses) {
    out.append(Document{
        {"revision", loss.revision}, {"what", loss.what}, {"values", loss.values}, {"datasets", loss.datasets}});
  }
  return out;
}

Document given_document(const Given& given) {
  Array kept;
  for (const auto& one : given.kept) {
    kept.append(Document{{"dataset", one.dataset}, {"revision", one.revision}, {"path", one.path}});
  }
  return {{"values", given.values}, {"datasets", given.datasets}, {"kept", std::move(kept)}};
}

Array failure_array(const std::vector<DatasetFailure>& failures) {
  Array out;
  for (const auto& failure : failures) {
    out.append(Document{{"dataset", failure.name},
                        {"error", failure.error.what()},
                        {"remedy", failure.error.remedy()},
                        {"refused", failure.refused}});
  }
  return out;
}

}  // namespace

std::string loss_text(const std::vector<Loss>& losses, bool undo_log, const Style& style) {
  std::vector<std::vector<std::string>> rows;
  rows.reserve(losses.size());
  for (const auto& loss : losses) {
    rows.push_back({"v" + loss.revision, loss.what, format_count(loss.values), format_count(loss.datasets)});
  }
  const char* heading = undo_log ? "Goes into the undo log, and comes back on the way up:" : "Lost on the way down:";
  return style.heading(heading) + "\n" + text_table({"revision", "what", "values", "datasets"}, rows);
}

std::string given_text(const Given& given, const Style& style) {
  std::string out;
  if (given.values > 0) {
    out += format_count(given.values) + (given.values == 1 ? " value comes" : " values come") +
           " back from the undo log, in " + format_count(given.datasets) +
           (given.datasets == 1 ? " dataset\n" : " datasets\n");
  }
  if (given.kept.empty()) return out;
  std::vector<std::vector<std::string>> rows;
  for (const auto& one : given.kept) rows.push_back({one.dataset, "v" + one.revision, one.path});
  if (!out.empty()) out += "\n";
  return out + style.heading("Stays in the undo log, because it was changed since:") + "\n" +
         text_table({"dataset", "revision", "value"}, rows);
}

std::string plan_text(const Plan& plan, const Survey& survey, const Style& style) {
  std::string out;
  const auto section = [&](const std::string& heading) {
    if (!out.empty()) out += "\n";
    if (!heading.empty()) out += style.heading(heading) + "\n";
  };
  if (plan.nothing_to_do() && survey.refused.empty()) {
    return nothing_to_do(plan);
  }
  for (const auto& route : plan.database) {
    out += style.heading("Database:") + " v" + route.from + " -> v" + route.to + " (" + word(route.direction) + ": " +
           revision_list(route) + ")\n";
  }
  if (plan.save_database_version) {
    out += style.heading("Database:") + " no version stored; v" + plan.database_version + " is saved\n";
  }

  // Datasets that go the same way are one line.
  std::vector<std::size_t> datasets(plan.routes.size());
  for (const auto& move : plan.datasets) ++datasets[move.route];
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < plan.routes.size(); ++i) {
    if (datasets[i] == 0) continue;
    const auto& route = plan.routes[i];
    rows.push_back({format_count(static_cast<std::int64_t>(datasets[i])), "v" + route.from, "v" + route.to,
                    word(route.direction), revision_list(route)});
  }
  if (!rows.empty()) {
    section("");
    out += text_table({"datasets", "from", "to", "way", "revisions"}, rows);
  }
  const auto there = static_cast<std::int64_t>(plan.unchanged) - (plan.save_database_version ? 1 : 0);
  if (there > 0) {
    section("");
    out += "Already there: " + format_count(there) + " (the database counts as one)\n";
  }

  std::vector<std::vector<std::string>> edits;
  for (const auto& edit : survey.edits) {
    if (edit.documents > 0) edits.push_back({edit.dataset, edit.collection, format_count(edit.documents)});
  }
  if (!edits.empty()) {
    section("Documents to write:");
    out += text_table({"dataset", "collection", "documents"}, edits);
  }
  if (!survey.drops.empty()) {
    section("Collections that no dataset names, to be dropped:");
    for (const auto& name : survey.drops) out += "  " + name + "\n";
  }
  if (!survey.losses.empty()) {
    section("");
    out += loss_text(survey.losses, survey.undo_log, style);
  }
  if (const auto given = given_text(survey.given, style); !given.empty()) {
    section("");
    out += given;
  }
  if (!plan.refused.empty() || !survey.refused.empty()) {
    section("Refused:");
    for (const auto& refusal : plan.refused) out += "  " + std::string(refusal.error.what()) + "\n";
    for (const auto& failure : survey.refused) out += "  " + std::string(failure.error.what()) + "\n";
  }
  return out;
}

Document plan_document(const Plan& plan, const DatabaseHeads& found, const Survey& survey) {
  Array database;
  for (const auto& route : plan.database) database.append(route_document(route));
  Array datasets;
  for (const auto& move : plan.datasets) {
    auto one = route_document(plan.routes[move.route]);
    one.insert(
        0, "name",
        found.heads.datasets[move.head].name ? bson::Value(*found.heads.datasets[move.head].name) : bson::Value());
    datasets.append(std::move(one));
  }
  Array edits;
  for (const auto& edit : survey.edits) {
    edits.append(Document{{"dataset", edit.dataset}, {"collection", edit.collection}, {"documents", edit.documents}});
  }
  Array drops;
  for (const auto& name : survey.drops) drops.append(name);
  auto refused = survey.refused;
  for (const auto& refusal : plan.refused) refused.push_back({refusal.name, refusal.error, true, ""});
  return {{"target", plan.target},
          {"database", std::move(database)},
          {"datasets", std::move(datasets)},
          {"unchanged", static_cast<std::int64_t>(plan.unchanged)},
          {"documents", std::move(edits)},
          {"drops", std::move(drops)},
          {"undo_log", survey.undo_log},
          {"losses", loss_array(survey.losses)},
          {"restored", given_document(survey.given)},
          {"refused", failure_array(refused)}};
}

std::string report_text(const Plan& plan, const RunReport& report, const Style& style) {
  const auto counted = [](std::size_t n) {
    return format_count(static_cast<std::int64_t>(n)) + (n == 1 ? " dataset" : " datasets");
  };
  if (plan.nothing_to_do()) return nothing_to_do(plan);
  std::string out = "Migrated ";
  if (!plan.database.empty() || plan.save_database_version) out += "the database and ";
  out += counted(report.datasets_done) + " to v" + plan.target + " in " + format_duration(report.seconds) + ".\n";
  if (!report.losses.empty()) out += "\n" + loss_text(report.losses, report.undo_log, style);
  if (const auto given = given_text(report.given, style); !given.empty()) out += "\n" + given;
  const auto list = [&](const char* what, bool refused) {
    std::string lines;
    std::size_t n = 0;
    for (const auto& failure : report.failures) {
      if (failure.refused != refused) continue;
      lines += "  " + failure.name + ": " + failure.error.what() + "\n";
      if (!failure.error.remedy().empty()) lines += "    " + failure.error.remedy() + "\n";
      ++n;
    }
    if (n > 0) out += "\n" + style.error(counted(n) + " " + what + ":") + "\n" + lines;
  };
  list("refused", true);
  list("failed", false);
  return out;
}

Document report_document(const Plan& plan, const RunReport& report) {
  return {{"target", plan.target},
          {"database", plan.database.empty() ? bson::Value() : bson::Value(plan.database_version)},
          {"datasets", static_cast<std::int64_t>(report.datasets_done)},
          {"unchanged", static_cast<std::int64_t>(plan.unchanged)},
          {"failures", failure_array(report.failures)},
          {"undo_log", report.undo_log},
          {"losses", loss_array(report.losses)},
          {"restored", given_document(report.given)},
          {"seconds", report.seconds}};
}

std::size_t jobs_of(const Settings& settings) {
  if (settings.jobs) return static_cast<std::size_t>(*settings.jobs);
  constexpr unsigned kMost = 8;
  return std::clamp(std::thread::hardware_concurrency(), 1U, kMost);
}

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string random_seed() { return random_bytes(16); }

}  // namespace fm::cli
