// Long work for a Python caller: the interpreter's lock is free meanwhile,
// progress and messages reach Python, and Ctrl-C ends it.
#pragma once

#include <nanobind/nanobind.h>

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "exec/report.h"

namespace fm::python {

namespace nb = nanobind;

// What the work says, from any of its threads. Each call throws
// Error(kInterrupted) once the caller wants an end, so that the work unwinds.
class Reports final : public RunObserver {
 public:
  void progress(const std::string& phase, std::int64_t done, std::int64_t total);
  void log(bool warning, const std::string& text);
  bool stopping() const;

  void message(const ops::Message& message) override {
    log(message.level == ops::Message::Level::kWarning, message.text);
  }
  void failure(const DatasetFailure& failure) override { log(true, failure.error.what()); }
  void phase(const std::string& name, std::size_t datasets) override;
  void datasets_done(std::size_t done) override;
  void collection(const std::string& name, std::int64_t done, std::int64_t total) override;

 private:
  friend void run_work(nb::handle listener, const std::function<void(Reports&)>& work);

  struct Progress {
    std::string phase;
    std::int64_t done = 0;
    std::int64_t total = 0;
  };

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  bool ended_ = false;
  std::exception_ptr failure_;
  std::optional<Progress> progress_;  // the newest that Python has not seen
  std::vector<std::pair<bool, std::string>> messages_;
  std::string datasets_phase_;
  std::int64_t datasets_ = 0;
};

// Runs the work on a thread of its own. `listener` has progress(phase, done,
// total) and log(warning, text), called from the calling thread about ten times a
// second; what they raise, and a signal's exception (KeyboardInterrupt), ends the
// work and is raised when the work has ended. Else what the work throws.
void run_work(nb::handle listener, const std::function<void(Reports&)>& work);

}  // namespace fm::python
