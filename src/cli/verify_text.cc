#include "cli/verify_text.h"

#include <algorithm>
#include <map>
#include <vector>

#include "base/text.h"
#include "cli/printable.h"
#include "cli/table.h"

namespace fm::cli {

using bson::Array;
using bson::Document;
using Kind = Problem::Kind;

namespace {

constexpr std::size_t kShown = 50;

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
    if (one->repair.empty()) {
      add(remedies, one->remedy);
    } else {
      add(repairs, one->where + ": " + one->repair);
    }
  }
  auto out = style.heading(printable(group.name)) + "\n" + text_table({"problem", "where", "count", "what"}, rows);
  for (const auto& remedy : remedies) out += "  " + printable(remedy) + "\n";
  for (const auto& repair : repairs) out += "  --repair does this: " + printable(repair) + "\n";
  return out + "\n";
}

std::string groups_text(const VerifyReport& report, const Style& style) {
  std::string out;
  const auto groups = grouped(report.problems);
  for (std::size_t i = 0; i < std::min(groups.size(), kShown); ++i) out += group_text(groups[i], style);
  if (groups.size() > kShown) out += count_of(groups.size() - kShown, "more dataset") + "; -o json lists all.\n\n";
  return out;
}

std::string summary(const VerifyReport& report) {
  const auto total = totals_of(report);
  std::string out = "Looked at " + count_of(report.datasets, "dataset") + ": ";
  if (total.problems == 0) {
    out += "nothing is wrong";
  } else {
    std::map<Kind, std::size_t> kinds;
    std::size_t datasets = 0;
    const Problem* last = nullptr;
    for (const auto& one : report.problems) {
      if (one.kind == Kind::kNote) continue;
      ++kinds[one.kind];
      if (!one.dataset.empty() && (!last || !(last->dataset_id == one.dataset_id))) ++datasets;
      last = &one;
    }
    out += count_of(total.problems, "problem");
    if (datasets > 0) out += " in " + count_of(datasets, "dataset");
    std::string names;
    for (const auto& [kind, n] : kinds) {
      names += (names.empty() ? "" : ", ") + format_count(static_cast<std::int64_t>(n)) + " " + name_of(kind);
    }
    out += " (" + names + ")";
  }
  if (total.notes > 0) out += "; " + count_of(total.notes, "note");
  out += ".\n";
  if (total.mendable > 0) {
    out += format_count(static_cast<std::int64_t>(total.mendable)) +
           (total.mendable == 1 ? " of these is" : " of these are") + " mended by `verify --repair`.\n";
  }
  return out;
}

Document line_of(const Problem& one) {
  return {{"dataset", one.dataset.empty() ? bson::Value() : bson::Value(one.dataset)},
          {"dataset_id", one.dataset_id},
          {"problem", name_of(one.kind)},
          {"code", one.code},
          {"where", one.where},
          {"what", one.what},
          {"count", one.count},
          {"at_least", one.at_least},
          {"remedy", one.remedy},
          {"repair", one.repair.empty() ? bson::Value() : bson::Value(one.repair)}};
}

}  // namespace

VerifyTotals totals_of(const VerifyReport& report) {
  VerifyTotals out;
  for (const auto& one : report.problems) {
    ++(one.kind == Kind::kNote ? out.notes : out.problems);
    if (!one.repair.empty()) ++out.mendable;
    out.half_way = out.half_way || one.kind == Kind::kHalfWay;
  }
  return out;
}

std::string verify_text(const VerifyReport& report, const Style& style) {
  return groups_text(report, style) + summary(report);
}

Document verify_document(const VerifyReport& report) {
  const auto total = totals_of(report);
  Array problems;
  for (const auto& one : report.problems) problems.append(line_of(one));
  return {{"datasets", static_cast<std::int64_t>(report.datasets)},
          {"problems", static_cast<std::int64_t>(total.problems)},
          {"notes", static_cast<std::int64_t>(total.notes)},
          {"mendable", static_cast<std::int64_t>(total.mendable)},
          {"found", std::move(problems)}};
}

std::string repair_text(const RepairReport& report, const VerifyReport& left, const Style& style) {
  std::vector<std::vector<std::string>> rows;
  std::size_t mended = 0;
  for (const auto& [problem, documents] : report.mended) {
    mended += documents > 0 ? 1 : 0;
    if (rows.size() == kShown) continue;
    rows.push_back({problem.dataset.empty() ? "(database)" : problem.dataset, problem.where,
                    documents > 0 ? problem.repair : "was no longer so", format_count(documents)});
  }
  auto out = text_table({"dataset", "where", "what was done", "documents"}, rows);
  if (report.mended.size() > kShown)
    out += count_of(report.mended.size() - kShown, "more line") + "; -o json lists all.\n";
  out += "\nMended " + count_of(mended, "problem") + " in " + format_duration(report.seconds) + ", by " +
         count_of(static_cast<std::size_t>(report.documents), "write") + ".\n`fiftyone-migrator undo " + report.run +
         "` takes this back.\n";
  if (!report.failures.empty()) {
    out += "\n" + style.error("Not mended:") + "\n";
    for (const auto& failure : report.failures) {
      out += "  " + printable(failure.name + ": " + failure.error.what()) + "\n";
      if (!failure.error.remedy().empty()) out += "    " + failure.error.remedy() + "\n";
    }
  }
  if (left.problems.empty()) return out + "\nNothing else is wrong.\n";
  return out + "\n" + style.heading("What is left:") + "\n\n" + verify_text(left, style);
}

Document repair_document(const RepairReport& report, const VerifyReport& left) {
  Array mended;
  for (const auto& [problem, documents] : report.mended) {
    auto line = line_of(problem);
    line.append("documents", documents);
    mended.append(std::move(line));
  }
  Array failures;
  for (const auto& failure : report.failures) {
    failures.append(
        Document{{"dataset", failure.name}, {"error", failure.error.what()}, {"remedy", failure.error.remedy()}});
  }
  Document out{{"run", report.run},
               {"mended", std::move(mended)},
               {"documents", report.documents},
               {"failures", std::move(failures)},
               {"seconds", report.seconds}};
  for (const auto& [key, value] : verify_document(left)) out.append(key, value);
  return out;
}

std::string problem_types_text() {
  std::vector<std::vector<std::string>> rows;
  for (const auto& one : problem_types()) {
    rows.push_back({one.code, name_of(one.kind), one.what, one.repair ? one.repair : "nothing"});
  }
  return text_table({"code", "problem", "what", "--repair"}, rows);
}

Document problem_types_document() {
  Array out;
  for (const auto& one : problem_types()) {
    out.append(Document{{"code", one.code},
                        {"problem", name_of(one.kind)},
                        {"what", one.what},
                        {"repair", one.repair ? bson::Value(one.repair) : bson::Value()},
                        {"reason", one.reason}});
  }
  return {{"kinds", std::move(out)}};
}

}  // namespace fm::cli
