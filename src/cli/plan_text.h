// Plans and reports, as text and as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bson/document.h"
#include "cli/style.h"
#include "config/settings.h"
#include "exec/estimate.h"
#include "exec/heads.h"
#include "exec/report.h"
#include "exec/runner.h"
#include "plan/plan.h"

namespace fm::cli {

// The largest datasets one by one, the others as a sum.
std::string plan_text(const Plan& plan, const Heads& heads, const Survey& survey, const Style& style);
// Everything; the format is described in docs/plan.md.
bson::Document plan_document(const Plan& plan, const Heads& heads, const Survey& survey);
std::string report_text(const Plan& plan, const RunReport& report, const Style& style);
bson::Document report_document(const Plan& plan, const RunReport& report);

std::string estimate_text(const Estimate& estimate, const Style& style);
bson::Document estimate_document(const Estimate& estimate);

// What a way down displaces, as a table; what a way up gives back, or "".
std::string loss_text(const std::vector<Tally>& losses, bool undo_log, const Style& style);

std::string given_text(const Given& given, const Style& style);

std::size_t jobs_of(const Settings& settings);

// Parts that the page of a plan shares with the text.
// "4 min 05 s", "under 0.1 s"
std::string time_text(double seconds);
const char* word(Direction direction);
const char* word(DownLabel label);
// "0.15.1 ... 1.13.0 (13)"
std::string revision_list(const Route& route, std::string Revision::*name = &Revision::text);

// A revision of the plan, and how many datasets go through it.
struct PlannedRevision {
  const Revision* revision = nullptr;
  Direction direction = Direction::kUp;
  std::size_t datasets = 0;  // 0: it is the database's own
};
// In the order in which they run: the database's first.
std::vector<PlannedRevision> planned_revisions(const Plan& plan);

// Everything that is refused, in the order of the plan.
std::vector<DatasetFailure> all_refused(const Plan& plan, const Survey& survey);

}  // namespace fm::cli
