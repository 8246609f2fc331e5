// What Arrow says, as fm::Error.
#pragma once

#include <arrow/result.h>
#include <arrow/status.h>

#include <string>

namespace fm::cloud {

// "not there", from the code that Arrow attaches.
bool is_not_found(const arrow::Status& status);

// By the texts of the providers (spec: dependencies 2 and 3): no code says it.
[[noreturn]] void fail(const arrow::Status& status, const std::string& doing);

inline void check(const arrow::Status& status, const std::string& doing) {
  if (!status.ok()) fail(status, doing);
}

template <class T>
T check(arrow::Result<T> result, const std::string& doing) {
  if (!result.ok()) fail(result.status(), doing);
  return std::move(result).ValueUnsafe();
}

}  // namespace fm::cloud
