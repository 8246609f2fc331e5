#include "work.h"

#include <nanobind/stl/string.h>

#include <chrono>
#include <thread>

#include "base/error.h"

namespace fm::python {

namespace {

constexpr auto kTurn = std::chrono::milliseconds(100);

Error interrupted() {
  return {Exit::kInterrupted, "Interrupted", "The same call again goes on where this one stopped."};
}

}  // namespace

void Reports::progress(const std::string& phase, std::int64_t done, std::int64_t total) {
  const std::lock_guard lock(mutex_);
  if (stop_) throw interrupted();
  progress_ = Progress{phase, done, total};
}

void Reports::log(bool warning, const std::string& text) {
  const std::lock_guard lock(mutex_);
  messages_.emplace_back(warning, text);
}

bool Reports::stopping() const {
  const std::lock_guard lock(mutex_);
  return stop_;
}

void Reports::phase(const std::string& name, std::size_t datasets) {
  {
    const std::lock_guard lock(mutex_);
    datasets_phase_ = name;
    datasets_ = static_cast<std::int64_t>(datasets);
  }
  datasets_done(0);
}

void Reports::datasets_done(std::size_t done) { progress(datasets_phase_, static_cast<std::int64_t>(done), datasets_); }

void Reports::collection(const std::string& name, std::int64_t done, std::int64_t total) {
  progress(name, done, total);
}

void run_work(nb::handle listener, const std::function<void(Reports&)>& work) {
  Reports reports;
  std::thread thread([&] {
    std::exception_ptr failure;
    try {
      work(reports);
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(reports.mutex_);
    reports.failure_ = failure;
    reports.ended_ = true;
    reports.changed_.notify_all();
  });
  std::exception_ptr raised;
  for (bool ended = false; !ended;) {
    std::optional<Reports::Progress> progress;
    std::vector<std::pair<bool, std::string>> messages;
    {
      const nb::gil_scoped_release free;
      std::unique_lock lock(reports.mutex_);
      reports.changed_.wait_for(lock, kTurn, [&] { return reports.ended_; });
      ended = reports.ended_;
      progress = std::exchange(reports.progress_, std::nullopt);
      messages = std::exchange(reports.messages_, {});
    }
    if (raised) continue;
    try {
      for (const auto& [warning, text] : messages) listener.attr("log")(warning, text);
      if (progress) listener.attr("progress")(progress->phase, progress->done, progress->total);
      if (PyErr_CheckSignals() != 0) throw nb::python_error();
    } catch (...) {
      raised = std::current_exception();
      const std::lock_guard lock(reports.mutex_);
      reports.stop_ = true;
    }
  }
  {
    const nb::gil_scoped_release free;
    thread.join();
  }
  if (raised) std::rethrow_exception(raised);
  if (reports.failure_) std::rethrow_exception(reports.failure_);
}

}  // namespace fm::python
