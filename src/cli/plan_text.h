// Plans and reports, as text and as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bson/document.h"
#include "cli/style.h"
#include "config/settings.h"
#include "exec/heads.h"
#include "exec/report.h"
#include "exec/runner.h"
#include "plan/plan.h"

namespace fm::cli {

std::string plan_text(const Plan& plan, const Survey& survey, const Style& style);
bson::Document plan_document(const Plan& plan, const DatabaseHeads& heads, const Survey& survey);
std::string report_text(const Plan& plan, const RunReport& report, const Style& style);
bson::Document report_document(const Plan& plan, const RunReport& report);

// What goes for good, as a table.
std::string loss_text(const std::vector<Loss>& losses, bool undo_log, const Style& style);

std::size_t jobs_of(const Settings& settings);
std::int64_t now_ms();
// 16 bytes from the system's generator.
std::string random_seed();

}  // namespace fm::cli
