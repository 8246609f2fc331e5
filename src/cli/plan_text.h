// Plans and reports, as text and as JSON.
#pragma once

#include <cstdint>
#include <string>

#include "bson/document.h"
#include "config/settings.h"
#include "exec/heads.h"
#include "exec/report.h"
#include "exec/runner.h"
#include "plan/plan.h"

namespace fm::cli {

std::string plan_text(const Plan& plan, const DatabaseHeads& heads, const Survey& survey);
bson::Document plan_document(const Plan& plan, const DatabaseHeads& heads, const Survey& survey);
bson::Document report_document(const Plan& plan, const DatabaseHeads& heads, const RunReport& report);

// A version for people: a dataset half-way is shown as such.
std::string shown_version(const std::string& version);

std::size_t jobs_of(const Settings& settings);
std::int64_t now_ms();
// 16 bytes from the system's generator.
std::string random_seed();

}  // namespace fm::cli
