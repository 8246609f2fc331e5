// "1 dataset", "1,234 datasets".
#pragma once

#include <concepts>
#include <cstdint>
#include <string>

#include "base/text.h"

namespace fm::cli {

inline std::string counted(std::integral auto n, const std::string& one) {
  return format_count(static_cast<std::int64_t>(n)) + " " + one + (n == 1 ? "" : "s");
}

}  // namespace fm::cli
