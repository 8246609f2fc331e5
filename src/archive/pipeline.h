// Chunks taken in order, worked on side by side, handed on in order.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace fm::archive {

// Every worker repeats: take(in) by itself alone, work(in, out, worker) beside
// the others, give(out) alone and in the order of taking. So at most `jobs`
// chunks are in memory, and reading, working and writing overlap. Ends when
// take() says false; rethrows the first exception, by order of the chunks.
template <class In, class Out>
void in_order(std::size_t jobs, const std::function<bool(In&)>& take,
              const std::function<void(In&, Out&, std::size_t worker)>& work, const std::function<void(Out&)>& give) {
  std::mutex taking;
  std::mutex giving;
  std::condition_variable turned;
  std::size_t taken = 0;
  std::size_t turn = 0;
  bool ended = false;
  std::exception_ptr error;

  const auto fail = [&](std::exception_ptr what) {
    const std::lock_guard lock(giving);
    if (!error) error = std::move(what);
    turned.notify_all();
  };
  const auto run = [&](std::size_t worker) {
    In in;
    Out out;
    while (true) {
      std::size_t mine = 0;
      {
        const std::lock_guard lock(taking);
        if (ended) return;
        try {
          ended = !take(in);
        } catch (...) {
          // What was taken before still goes its way.
          ended = true;
          const auto what = std::current_exception();
          std::unique_lock wait(giving);
          turned.wait(wait, [&] { return error || turn == taken; });
          if (!error) error = what;
          turned.notify_all();
          return;
        }
        if (ended) return;
        mine = taken++;
      }
      std::exception_ptr failed;
      try {
        work(in, out, worker);
      } catch (...) {
        failed = std::current_exception();
      }
      std::unique_lock lock(giving);
      turned.wait(lock, [&] { return error || turn == mine; });
      if (error) return;
      if (!failed) {
        // Nobody else's turn comes meanwhile.
        lock.unlock();
        try {
          give(out);
        } catch (...) {
          failed = std::current_exception();
        }
        lock.lock();
      }
      if (failed) {
        error = failed;
      } else {
        ++turn;
      }
      turned.notify_all();
      if (error) {
        lock.unlock();
        const std::lock_guard stop(taking);
        ended = true;
        return;
      }
    }
  };
  std::vector<std::thread> threads;
  try {
    for (std::size_t i = 1; i < jobs; ++i) threads.emplace_back(run, i);
  } catch (...) {
    fail(std::current_exception());
  }
  run(0);
  for (auto& thread : threads) thread.join();
  if (error) std::rethrow_exception(error);
}

// A queue of at most one item between a producer that pushes and a consumer
// that pulls; the producer runs in a thread of its own.
template <class T>
class Puller {
 public:
  using Put = std::function<void(T)>;
  // produce(put) calls put for every item.
  explicit Puller(std::function<void(const Put&)> produce)
      : thread_([this, produce = std::move(produce)] {
          try {
            produce([this](T item) { put(std::move(item)); });
          } catch (const Stopped&) {
          } catch (...) {
            const std::lock_guard lock(mutex_);
            error_ = std::current_exception();
          }
          const std::lock_guard lock(mutex_);
          ended_ = true;
          changed_.notify_all();
        }) {}
  Puller(const Puller&) = delete;
  Puller& operator=(const Puller&) = delete;
  ~Puller() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  // False at the end; rethrows what the producer threw.
  bool next(T& item) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return item_ || ended_; });
    if (item_) {
      item = std::move(*item_);
      item_.reset();
      changed_.notify_all();
      return true;
    }
    if (error_) std::rethrow_exception(error_);
    return false;
  }

 private:
  struct Stopped {};
  void put(T item) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !item_ || stopping_; });
    if (stopping_) throw Stopped{};
    item_ = std::move(item);
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<T> item_;
  bool ended_ = false;
  bool stopping_ = false;
  std::exception_ptr error_;
  std::thread thread_;  // last: uses the others
};

}  // namespace fm::archive
