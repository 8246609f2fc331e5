// A plan as one HTML page that stands alone: for a change request.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bson/document.h"
#include "exec/estimate.h"
#include "exec/survey.h"
#include "plan/plan.h"

namespace fm::cli {

// What the page says besides the plan.
struct PlanPageFacts {
  std::string database;  // its name
  std::string server;    // its URI, without secrets
  std::optional<std::string> enterprise_target;
  // Of an Enterprise deployment, as `plan -o json` has them; and whether datasets are
  // part of the plan.
  bson::Array services = {};
  bool datasets = true;
  bool undo_log = true;
  std::string tool;          // name and version
  std::int64_t made_ms = 0;  // UTC
};

// No external resource, and no script but its own: names of datasets are taken
// for hostile. Readable without scripts, on a phone and in print.
std::string plan_page(const Plan& plan, const Heads& heads, const Survey& survey,
                      const std::optional<Estimate>& estimate, const PlanPageFacts& facts);

}  // namespace fm::cli
