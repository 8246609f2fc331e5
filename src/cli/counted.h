// "1 dataset", "1,234 datasets".
#pragma once

#include <cstdint>
#include <string>

#include "base/text.h"

namespace fm::cli {

inline std::string counted(std::int64_t n, const std::string& one) {
  return format_count(n) + " " + one + (n == 1 ? "" : "s");
}

}  // namespace fm::cli
