#include "cli/plan_text.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>
#include <tuple>

#include "base/machine.h"
#include "base/text.h"
#include "cli/counted.h"
#include "cli/printable.h"
#include "cli/table.h"

namespace fm::cli {

using bson::Document;

namespace {

constexpr std::size_t kMostDatasets = 20;
constexpr std::size_t kMostLines = 20;

std::string nothing_to_do(const Plan& plan) {
  return "Nothing to do: everything is at " + version_text(plan.target) + " already.\n";
}

std::string size(std::int64_t bytes) {
  return format_bytes(static_cast<std::uint64_t>(std::max<std::int64_t>(bytes, 0)));
}

std::string routes_text(const Plan& plan) {
  // Datasets that go the same way are one line.
  std::vector<std::size_t> datasets(plan.routes.size());
  for (const auto& move : plan.datasets) ++datasets[move.route];
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < plan.routes.size(); ++i) {
    if (datasets[i] == 0) continue;
    const auto& route = plan.routes[i];
    rows.push_back({format_count(static_cast<std::int64_t>(datasets[i])), version_text(route.from),
                    version_text(route.to), word(route.direction), revision_list(route)});
  }
  return rows.empty() ? "" : text_table({"datasets", "from", "to", "way", "revisions"}, rows);
}

std::string revisions_text(const Plan& plan) {
  std::vector<std::vector<std::string>> rows;
  const auto revisions = planned_revisions(plan);
  const bool down = std::any_of(revisions.begin(), revisions.end(),
                                [](const PlannedRevision& one) { return one.direction == Direction::kDown; });
  for (const auto& [revision, direction, datasets] : revisions) {
    std::vector<std::string> row{revision->text, datasets == 0 ? "database" : counted(datasets, "dataset"),
                                 direction == Direction::kUp ? revision->title : "Undoes: " + revision->title};
    if (down) row.insert(row.begin() + 2, direction == Direction::kUp ? "" : word(revision->down_label));
    rows.push_back(std::move(row));
  }
  if (rows.empty()) return "";
  return down ? text_table({"revision", "of", "way back", "what it does"}, rows)
              : text_table({"revision", "of", "what it does"}, rows);
}

std::string moved_name(const Plan& plan, const Heads& heads, std::size_t move) {
  return heads.datasets[plan.datasets[move].head].name.value_or("None");
}

std::string writes_text(const Plan& plan, const Heads& heads, const Survey& survey) {
  struct Line {
    std::size_t move;
    std::int64_t documents;
    std::int64_t bytes;
  };
  std::vector<Line> lines;
  for (std::size_t i = 0; i < survey.datasets.size(); ++i) {
    const auto& dataset = survey.datasets[i];
    if (dataset.documents() > 0) lines.push_back({i, dataset.documents(), dataset.bytes()});
  }
  std::stable_sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) {
    return std::tie(a.bytes, a.documents) > std::tie(b.bytes, b.documents);
  });
  std::vector<std::vector<std::string>> rows;
  std::int64_t documents = 0;
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    // A sum of one line would save nothing.
    if (i < kMostDatasets || lines.size() == kMostDatasets + 1) {
      rows.push_back({one_line(moved_name(plan, heads, lines[i].move), kNameCells), format_count(lines[i].documents),
                      size(lines[i].bytes)});
    } else {
      documents += lines[i].documents;
      bytes += lines[i].bytes;
    }
  }
  if (documents > 0) {
    rows.push_back({"(" + counted(lines.size() - kMostDatasets, "more dataset") + "; -o json and --html list all)",
                    format_count(documents), size(bytes)});
  }
  return rows.empty() ? "" : text_table({"dataset", "documents", "size"}, rows);
}

std::string tally_table(const std::vector<Tally>& tallies) {
  std::vector<std::vector<std::string>> rows;
  rows.reserve(tallies.size());
  for (const auto& one : tallies) {
    rows.push_back({"v" + one.revision, format_count(one.values), one.what, format_count(one.datasets)});
  }
  return text_table({"revision", "values", "what", "datasets"}, rows);
}

std::string kept_text(const Given& given, const Style& style) {
  if (given.kept.empty()) return "";
  std::vector<std::vector<std::string>> rows;
  for (const auto& one : given.kept) {
    if (rows.size() == kMostLines) break;
    rows.push_back({one_line(one.dataset, kNameCells), "v" + one.revision, one_line(one.path, kNameCells)});
  }
  auto out = style.heading("Stays in the undo log, because it was changed since:") + "\n" +
             text_table({"dataset", "revision", "value"}, rows);
  if (given.kept.size() > rows.size()) out += counted(given.kept.size() - rows.size(), "more value") + "\n";
  return out;
}

std::string refused_text(const std::vector<DatasetFailure>& refused) {
  std::string out;
  std::string last;
  for (std::size_t i = 0; i < refused.size(); ++i) {
    if (i == kMostLines && refused.size() > kMostLines + 1) {
      return out + "  " + format_count(static_cast<std::int64_t>(refused.size() - kMostLines)) +
             " more (-o json and --html list all)\n";
    }
    out += "  " + printable(refused[i].error.what()) + "\n";
    // The same advice under each would only be noise.
    const bool ends = i + 1 == refused.size() || refused[i + 1].error.remedy() != refused[i].error.remedy();
    if (ends && !refused[i].error.remedy().empty()) out += "    " + refused[i].error.remedy() + "\n";
  }
  return out;
}

}  // namespace

std::string time_text(double seconds) { return seconds < 0.05 ? "under 0.1 s" : format_duration(seconds); }

const char* word(Direction direction) { return direction == Direction::kUp ? "up" : "down"; }

const char* word(DownLabel label) {
  switch (label) {
    case DownLabel::kExact:
      return "exact";
    case DownLabel::kLossy:
      return "lossy";
    case DownLabel::kRefused:
      break;
  }
  return "refused";
}

std::string revision_list(const Route& route, std::string Revision::*name) {
  constexpr std::size_t kMost = 4;
  const auto& all = route.revisions;
  if (all.empty()) return "version only";
  if (all.size() > kMost) {
    return all.front()->*name + " ... " + all.back()->*name + " (" + std::to_string(all.size()) + ")";
  }
  std::string out;
  for (const auto* revision : route.revisions) {
    if (!out.empty()) out += " ";
    out += revision->*name;
  }
  return out;
}

std::vector<PlannedRevision> planned_revisions(const Plan& plan) {
  std::vector<PlannedRevision> out;
  for (const auto& route : plan.database) {
    for (const auto* revision : route.revisions) out.push_back({revision, route.direction, 0});
  }
  std::vector<PlannedRevision> ways[2];
  for (const auto& move : plan.datasets) {
    const auto& route = plan.routes[move.route];
    auto& way = ways[route.direction == Direction::kUp ? 0 : 1];
    for (const auto* revision : route.revisions) {
      const auto found =
          std::find_if(way.begin(), way.end(), [&](const PlannedRevision& one) { return one.revision == revision; });
      if (found == way.end()) {
        way.push_back({revision, route.direction, 1});
      } else {
        ++found->datasets;
      }
    }
  }
  const auto older = [](const PlannedRevision& a, const PlannedRevision& b) {
    return a.revision->version < b.revision->version;
  };
  std::sort(ways[0].begin(), ways[0].end(), older);
  std::sort(ways[1].rbegin(), ways[1].rend(), older);
  for (const auto& way : ways) out.insert(out.end(), way.begin(), way.end());
  return out;
}

std::vector<DatasetFailure> all_refused(const Plan& plan, const Survey& survey) {
  std::vector<DatasetFailure> out;
  for (const auto& refusal : plan.refused) out.push_back({refusal.name, refusal.error, true, ""});
  out.insert(out.end(), survey.refused.begin(), survey.refused.end());
  return out;
}

std::string loss_text(const std::vector<Tally>& losses, bool undo_log, const Style& style) {
  const char* heading = undo_log ? "Goes into the undo log, and comes back on the way up:" : "Lost on the way down:";
  return style.heading(heading) + " " + in_words(losses) + "\n" + tally_table(losses);
}

std::string given_text(const Given& given, const Style& style) {
  std::string out;
  if (given.values > 0) {
    out += format_count(given.values) + (given.values == 1 ? " value comes" : " values come") +
           " back from the undo log, in " + counted(given.datasets, "dataset") + "\n";
  }
  const auto kept = kept_text(given, style);
  return out + (out.empty() || kept.empty() ? "" : "\n") + kept;
}

std::string plan_text(const Plan& plan, const Heads& heads, const Survey& survey, const Style& style) {
  const auto refused = all_refused(plan, survey);
  if (plan.nothing_to_do() && refused.empty()) return nothing_to_do(plan);
  std::string out;
  for (const auto& route : plan.database) {
    out += style.heading("Database:") + " " + version_text(route.from) + " -> " + version_text(route.to) + " (" +
           word(route.direction) + ": " + revision_list(route) + ")\n";
  }
  if (plan.save_database_version) {
    out += style.heading("Database:") + " no version stored; " + version_text(plan.database_version) + " is saved\n";
  }
  const auto part = [&](const std::string& heading, const std::string& text) {
    if (text.empty()) return;
    if (!out.empty()) out += "\n";
    if (!heading.empty()) out += style.heading(heading) + "\n";
    out += text;
  };
  part("", routes_text(plan));
  const auto there = static_cast<std::int64_t>(plan.unchanged) - (plan.save_database_version ? 1 : 0);
  if (there > 0) part("", "Already there: " + format_count(there) + " (the database counts as one)\n");
  part("Revisions, in the order they run:", revisions_text(plan));
  part(std::string("To write") + (survey.uncounted ? ", beside samples and the like, which `plan` counts: " : ": ") +
           counted(static_cast<std::size_t>(survey.documents()), "document") + ", " + size(survey.bytes()),
       writes_text(plan, heads, survey));

  std::string drops;
  for (const auto& name : survey.drops) drops += "  " + one_line(name, kNameCells * 2) + "\n";
  part(survey.undo_log ? "Collections that no dataset names, to be set aside (`residue prune` drops them):"
                       : "Collections that no dataset names, to be dropped:",
       drops);
  if (!survey.losses.empty()) part("", loss_text(survey.losses, survey.undo_log, style));
  if (!survey.returns.empty()) {
    part("", style.heading("Comes back from the undo log:") + " " + in_words(survey.returns) + "\n" +
                 tally_table(survey.returns));
  }
  part("", kept_text(survey.given, style));
  std::vector<DatasetFailure> half_way;
  std::vector<DatasetFailure> others = survey.refused;
  for (auto refusal = plan.refused.rbegin(); refusal != plan.refused.rend(); ++refusal) {
    const bool parked = refusal->head && heads.datasets[*refusal->head].version == kParkedVersion;
    auto& list = parked ? half_way : others;
    list.insert(list.begin(), {refusal->name, refusal->error, true, ""});
  }
  part(style.error("Half-way: " + counted(half_way.size(), "dataset")), refused_text(half_way));
  part(style.error("Refused: " + counted(others.size(), "dataset")), refused_text(others));
  return out;
}

std::string estimate_text(const Estimate& estimate, const Style& style) {
  std::vector<std::vector<std::string>> rows;
  std::string basis;
  for (const auto& part : estimate.parts) {
    rows.push_back({part.what, format_count(part.documents), time_text(part.seconds)});
    basis += "  " + part.what + ": " + part.basis + "\n";
  }
  for (const auto& sentence : estimate.basis) basis += "  " + sentence + "\n";
  auto out = style.heading("Estimate:") + (estimate.seconds() < 0.05 ? " " : " about ") +
             time_text(estimate.seconds()) + ", " + time_text(estimate.least_seconds()) + " to " +
             time_text(estimate.most_seconds()) + "; up to " + size(estimate.disk_bytes) + " more on disk, ";
  out += estimate.oplog_bytes ? "about " + size(*estimate.oplog_bytes) + " of oplog\n" : "no oplog\n";
  if (!rows.empty()) out += text_table({"part", "documents", "time"}, rows);
  return out + "\n" + style.heading("Where that comes from:") + "\n" + basis;
}

std::string report_text(const Plan& plan, const RunReport& report, const Style& style) {
  if (plan.nothing_to_do()) {
    if (report.run.empty()) return nothing_to_do(plan);
    return "Finished run " + report.run + ", which was interrupted: " + counted(report.datasets_done, "dataset") +
           " that it had half-way. Everything is at " + version_text(plan.target) + ".\n";
  }
  std::string out = "Migrated ";
  const bool database = !plan.database.empty() || plan.save_database_version;
  if (database) out += report.datasets_done > 0 ? "the database and " : "the database";
  if (!database || report.datasets_done > 0) out += counted(report.datasets_done, "dataset");
  out += " to " + version_text(plan.target) + " in " + format_duration(report.seconds) + ".\n";
  if (!report.losses.empty()) out += "\n" + loss_text(report.losses, report.undo_log, style);
  if (const auto given = given_text(report.given, style); !given.empty()) out += "\n" + given;
  const auto list = [&](const char* what, bool refused) {
    std::string lines;
    std::size_t n = 0;
    for (const auto& failure : report.failures) {
      if (failure.refused != refused) continue;
      lines += "  " + printable(failure.name + ": " + failure.error.what()) + "\n";
      if (!failure.error.remedy().empty()) lines += "    " + failure.error.remedy() + "\n";
      ++n;
    }
    if (n > 0) out += "\n" + style.error(counted(n, "dataset") + " " + what + ":") + "\n" + lines;
  };
  list("refused", true);
  list("failed", false);
  return out;
}

std::size_t jobs_of(const Settings& settings) {
  if (settings.jobs) return static_cast<std::size_t>(*settings.jobs);
  constexpr unsigned kMost = 8;
  return std::clamp(std::thread::hardware_concurrency(), 1U, kMost);
}

}  // namespace fm::cli
