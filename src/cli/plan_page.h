// A plan as one HTML page that stands alone: for a change request.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "exec/estimate.h"
#include "exec/survey.h"
#include "plan/plan.h"

namespace fm::cli {

// What the page says besides the plan.
struct PlanPageFacts {
  std::string database;  // its name
  std::string server;    // its URI, without secrets
  std::optional<std::string> enterprise_target;
  std::string tool;          // name and version
  std::int64_t made_ms = 0;  // UTC
};

// No external resource, and no script but its own: names of datasets are taken
// for hostile. Readable without scripts, on a phone and in print.
std::string plan_page(const Plan& plan, const Heads& heads, const Survey& survey,
                      const std::optional<Estimate>& estimate, const PlanPageFacts& facts);

}  // namespace fm::cli
