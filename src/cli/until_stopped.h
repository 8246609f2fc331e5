// Work that begins anew, or only read, where a signal ended it.
#pragma once

#include <string>

#include "base/error.h"
#include "cli/signals.h"
#include "exec/control.h"

namespace fm::cli {

// Runs `work`, which Ctrl-C and the signal to terminate end at its next
// checkpoint: with Error(kInterrupted) or Error(kTerminated), which says how
// things stand, and what the same command does.
template <class Work>
auto until_stopped(const Log& log, const char* state, const char* remedy, Work work) {
  const StopSignals signals(log);
  try {
    return work();
  } catch (const Error& error) {
    if (!is_stop(error.code())) throw;
    throw Error(error.code(), std::string(error.what()) + ": " + state, remedy);
  }
}

}  // namespace fm::cli
