#include "cli/signals.h"

#include <unistd.h>

#include <cerrno>
#include <string>

namespace fm::cli {

namespace {

// A handler can reach nothing else.
volatile std::sig_atomic_t signal_asked = 0;
std::string signal_answer;

extern "C" void note_signal(int signal) {
  const int saved = errno;
  if (signal_asked != 0) {
    [[maybe_unused]] const auto written = write(STDERR_FILENO, "\n", 1);
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  } else {
    signal_asked = signal;
    [[maybe_unused]] const auto written = write(STDERR_FILENO, signal_answer.data(), signal_answer.size());
  }
  errno = saved;
}

}  // namespace

StopSignals::StopSignals(const Log& log) {
  signal_asked = 0;
  // It may stand behind a line of progress.
  signal_answer = isatty(STDERR_FILENO) != 0 ? "\r\033[K" : "";
  signal_answer += log.line(LogLevel::kWarning, "Stopping at the next checkpoint; the signal once more stops at once");
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &interrupt_);
  sigaction(SIGTERM, &action, &terminate_);
}

StopSignals::~StopSignals() {
  sigaction(SIGINT, &interrupt_, nullptr);
  sigaction(SIGTERM, &terminate_, nullptr);
}

std::optional<int> StopSignals::asked() { return signal_asked == 0 ? std::nullopt : std::optional<int>(signal_asked); }

}  // namespace fm::cli
