// What `verify` found and mended, as text and as JSON.
#pragma once

#include <string>

#include "bson/document.h"
#include "cli/style.h"
#include "exec/repair.h"
#include "exec/verify.h"

namespace fm::cli {

struct VerifyTotals {
  std::size_t problems = 0;  // without notes
  std::size_t notes = 0;
  std::size_t mendable = 0;  // notes too
  bool half_way = false;
};
VerifyTotals totals_of(const VerifyReport& report);

std::string verify_text(const VerifyReport& report, const Style& style);
bson::Document verify_document(const VerifyReport& report);

// `left` is what a look afterwards finds.
std::string repair_text(const RepairReport& report, const VerifyReport& left, const Style& style);
bson::Document repair_document(const RepairReport& report, const VerifyReport& left);

// The table of all kinds of findings.
std::string problem_types_text();
bson::Document problem_types_document();

}  // namespace fm::cli
