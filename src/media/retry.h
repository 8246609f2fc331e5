// Trying again what may pass.
#pragma once

#include <chrono>
#include <random>
#include <thread>

#include "base/error.h"

namespace fm::media {

// Before the next attempt: growing (`attempt` counts from 0), with jitter, so that
// many callers do not come back at once.
inline std::chrono::milliseconds backoff(int attempt, std::chrono::milliseconds first) {
  static thread_local std::mt19937 random(std::random_device{}());
  std::uniform_real_distribution<double> part(0.5, 1.0);
  return std::chrono::duration_cast<std::chrono::milliseconds>(first * (1 << attempt) * part(random));
}

// What `work` returns, which is called so many times at most while it throws
// Error(kUnreachable). Doing it twice has to be doing it once.
template <class Work>
auto retried(int attempts, const Work& work) {
  for (int attempt = 0;; ++attempt) {
    try {
      return work();
    } catch (const Error& error) {
      if (error.code() != Exit::kUnreachable || attempt + 1 >= attempts) throw;
    }
    std::this_thread::sleep_for(backoff(attempt, std::chrono::milliseconds(400)));
  }
}

}  // namespace fm::media
