// Ctrl-C and the signal to terminate, while a run works.
#pragma once

#include <csignal>
#include <optional>

#include "cli/log.h"

namespace fm::cli {

// While it lives the first SIGINT or SIGTERM is only noted, and answered by a
// line on stderr; the second one has the usual effect at once. One at a time.
class StopSignals {
 public:
  explicit StopSignals(const Log& log);
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();

  // The signal that came, if one has.
  static std::optional<int> asked();

 private:
  struct sigaction interrupt_ {};
  struct sigaction terminate_ {};
};

}  // namespace fm::cli
