#include "cursor.h"

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

namespace fm::python {

namespace {

constexpr std::size_t kChunk = 1 << 20;
constexpr int kWaiting = 2;
constexpr auto kTurn = std::chrono::milliseconds(100);

struct Ended {};

}  // namespace

// Shared with the thread, which may outlive the cursor.
struct Cursor::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::string waiting[kWaiting];
  int count = 0;
  bool stop = false;
  bool done = false;
  std::exception_ptr failure;

  void give(std::string chunk) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return stop || count < kWaiting; });
    if (stop) throw Ended();
    waiting[count++] = std::move(chunk);
    changed.notify_all();
  }

  void run(const std::function<void(const Visit&)>& read) {
    std::exception_ptr thrown;
    std::string chunk;
    try {
      read([&](bson::View document) {
        chunk.append(reinterpret_cast<const char*>(document.data()), document.size());
        if (chunk.size() >= kChunk) give(std::exchange(chunk, {}));
      });
      if (!chunk.empty()) give(std::move(chunk));
    } catch (const Ended&) {
    } catch (...) {
      thrown = std::current_exception();
    }
    const std::lock_guard lock(mutex);
    failure = thrown;
    done = true;
    changed.notify_all();
  }
};

Cursor::Cursor(std::function<void(const Visit&)> read) : state_(std::make_shared<State>()) {
  std::thread([state = state_, read = std::move(read)]() mutable {
    state->run(read);
    read = nullptr;
  }).detach();
}

Cursor::~Cursor() {
  const std::lock_guard lock(state_->mutex);
  state_->stop = true;
  state_->changed.notify_all();
}

std::optional<std::string> Cursor::next() {
  auto& state = *state_;
  std::unique_lock lock(state.mutex);
  state.changed.wait_for(lock, kTurn, [&] { return state.count > 0 || state.done; });
  if (state.count > 0) {
    auto out = std::move(state.waiting[0]);
    state.waiting[0] = std::move(state.waiting[1]);
    --state.count;
    state.changed.notify_all();
    return out;
  }
  if (!state.done) return std::string();
  if (state.failure) std::rethrow_exception(std::exchange(state.failure, nullptr));
  return std::nullopt;
}

}  // namespace fm::python
