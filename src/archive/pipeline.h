// Chunks taken in order, worked on side by side, handed on in order.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace fm::archive {

// How far work may run ahead of what was handed on: `size` of the results that wait,
// together. Without it none waits.
template <class Out>
struct Ahead {
  std::size_t most = 0;
  std::function<std::size_t(const Out&)> size = [](const Out&) { return std::size_t{0}; };
};

// Every worker repeats: take(in) by itself alone, work(in, out, worker) beside
// the others, give(out) alone and in the order of taking, by whichever worker it
// is the turn of. So reading, working and writing overlap; in memory are at most
// `jobs` chunks and what may wait. Ends when take() says false; rethrows the first
// exception, by order of the chunks.
template <class In, class Out>
void in_order(std::size_t jobs, const std::function<bool(In&)>& take,
              const std::function<void(In&, Out&, std::size_t worker)>& work, const std::function<void(Out&)>& give,
              const Ahead<Out>& ahead = {}) {
  struct Done {
    Out out = {};
    std::exception_ptr failed = {};
  };
  std::mutex taking;
  std::mutex giving;
  std::condition_variable turned;
  std::map<std::size_t, Done> waiting;
  std::vector<Out> spare;  // those given, for their memory
  std::size_t waiting_size = 0;
  std::size_t taken = 0;
  std::size_t turn = 0;
  bool ended = false;
  std::exception_ptr error;

  const auto fail = [&](std::exception_ptr what) {
    const std::lock_guard lock(giving);
    if (!error) error = std::move(what);
    turned.notify_all();
  };
  // Gives `done`, whose turn it is, and those that waited for it.
  const auto give_on = [&](std::unique_lock<std::mutex>& lock, Done& done) {
    while (true) {
      if (!done.failed) {
        // Nobody else's turn comes meanwhile.
        lock.unlock();
        try {
          give(done.out);
        } catch (...) {
          done.failed = std::current_exception();
        }
        lock.lock();
      }
      if (done.failed) {
        error = done.failed;
      } else {
        ++turn;
      }
      turned.notify_all();
      const auto next = waiting.find(turn);
      if (error || next == waiting.end()) return;
      spare.push_back(std::move(done.out));
      done = std::move(next->second);
      waiting.erase(next);
      waiting_size -= ahead.size(done.out);
    }
  };
  const auto run = [&](std::size_t worker) {
    In in;
    Done done;
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
      done.failed = nullptr;
      try {
        work(in, done.out, worker);
      } catch (...) {
        done.failed = std::current_exception();
      }
      const auto size = ahead.most > 0 ? ahead.size(done.out) : 0;
      std::unique_lock lock(giving);
      turned.wait(lock, [&] { return error || turn == mine || waiting_size + size < ahead.most; });
      if (error) return;
      if (turn != mine) {
        waiting.emplace(mine, std::move(done));
        waiting_size += size;
        done = {};
        if (!spare.empty()) {
          done.out = std::move(spare.back());
          spare.pop_back();
        }
        continue;
      }
      give_on(lock, done);
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
