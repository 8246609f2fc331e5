#include "base/pool.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace fm {
namespace {

class Run {
 public:
  using Work = std::function<void(std::size_t, std::size_t)>;

  Run(std::size_t count, const Work& work) : count_(count), work_(work) {}

  void worker(std::size_t number) {
    while (!stopped_.load(std::memory_order_relaxed)) {
      std::size_t index = next_.fetch_add(1, std::memory_order_relaxed);
      if (index >= count_) {
        return;
      }
      try {
        work_(index, number);
      } catch (...) {
        keep(index, std::current_exception());
      }
    }
  }

  void rethrow() const {
    if (error_ != nullptr) {
      std::rethrow_exception(error_);
    }
  }

 private:
  void keep(std::size_t index, std::exception_ptr error) {
    stopped_ = true;
    std::lock_guard lock(mutex_);
    if (error_ == nullptr || index < error_index_) {
      error_ = std::move(error);
      error_index_ = index;
    }
  }

  const std::size_t count_;
  const Work& work_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;
  std::exception_ptr error_;
  std::size_t error_index_ = 0;
};

}  // namespace

void parallel_for(std::size_t jobs, std::size_t count,
                  const std::function<void(std::size_t index, std::size_t worker)>& work) {
  Run run(count, work);
  {
    std::vector<std::jthread> threads;
    for (std::size_t number = 1; number < std::min(jobs, count); ++number) {
      try {
        threads.emplace_back([&run, number] { run.worker(number); });
      } catch (const std::system_error&) {
        break;  // fewer threads do the same work
      }
    }
    run.worker(0);
  }
  run.rethrow();
}

}  // namespace fm
