// How a run is held back while it works: told to stop, or slowed down.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "store/mongo.h"

namespace fm {

// Thread-safe.
class Control {
 public:
  struct Limits {
    std::optional<int> rate;      // documents written a second, all threads together
    std::optional<int> max_lag;   // seconds that a secondary may be behind
    std::optional<int> max_time;  // seconds from now
  };
  // The signal that asked for an end, if one has.
  using Asked = std::function<std::optional<int>()>;
  using Notice = std::function<void(const std::string&)>;

  // Throws Error(kPrecondition) for a lag where there is no replica set,
  // Error(kRights) where it may not be seen.
  Control(Mongo& mongo, Limits limits, Asked asked, Notice notice);

  // The secondaries of a second server, too: of one without any nothing waits,
  // which a notice says. Throws Error(kRights). Before any checkpoint.
  void watch(Mongo& other);

  // Between two pieces of work, where what is stored can be gone on with. Waits
  // while a secondary lags; throws Error: kInterrupted or kTerminated after a
  // signal, kPending once the time is over.
  void checkpoint();
  // After that many documents were written: waits as long as the rate asks.
  // Throws as checkpoint does.
  void wrote(std::int64_t documents);
  // How many documents to write before the next look: a second's worth.
  std::int64_t piece(std::int64_t most) const;

 private:
  using Clock = std::chrono::steady_clock;
  void stop_if_asked() const;
  void wait_for_secondaries();
  void sleep_until(Clock::time_point time) const;

  std::vector<Mongo*> watched_;
  Limits limits_;
  Asked asked_;
  Notice notice_;
  Clock::time_point start_;
  std::mutex mutex_;
  Clock::time_point free_;  // when the rate lets the next write begin
  Clock::time_point next_look_;
};

// Throws Error: kInterrupted or kTerminated where that signal has come.
void stop_on(std::optional<int> signal);
// Error codes that end a run between two pieces of work.
bool is_stop(Exit code);
// The server or the lease is lost: nothing can be written any more.
bool is_lost(const Error& error);
// Not the fault of one dataset or service.
bool ends_the_run(const Error& error);

}  // namespace fm
