// How many bytes a second may be sent, by all threads together.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>

namespace fm::media {

class Bandwidth {
 public:
  // Without a rate nothing waits.
  explicit Bandwidth(std::optional<std::int64_t> bytes_per_second) : rate_(bytes_per_second) {}

  // Waits until that many bytes may go, or `stopped`. After a pause a quarter of a
  // second's bytes go at once. Thread-safe.
  void take(std::int64_t bytes, const std::atomic<bool>& stopped) {
    using namespace std::chrono_literals;
    if (!rate_) return;
    const auto until = reserve(bytes);
    while (!stopped) {
      const auto left = until - Clock::now();
      if (left <= Clock::duration::zero()) return;
      std::this_thread::sleep_for(std::min<Clock::duration>(left, 200ms));
    }
  }

 private:
  using Clock = std::chrono::steady_clock;

  Clock::time_point reserve(std::int64_t bytes) {
    using namespace std::chrono_literals;
    const std::lock_guard lock(mutex_);
    free_ = std::max<Clock::time_point>(free_, Clock::now() - 250ms);
    const std::chrono::duration<double> needed(static_cast<double>(bytes) / static_cast<double>(*rate_));
    free_ += std::chrono::duration_cast<Clock::duration>(needed);
    return free_;
  }

  std::optional<std::int64_t> rate_;
  std::mutex mutex_;
  Clock::time_point free_;  // when what was taken has gone
};

}  // namespace fm::media
