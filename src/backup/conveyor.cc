#include "backup/conveyor.h"

#include <utility>

namespace fm::dump {

Conveyor::Conveyor(std::function<void(std::string)> consume)
    : consume_(std::move(consume)), thread_([this] { run(); }) {}

Conveyor::~Conveyor() { stop(true); }

void Conveyor::put(std::string chunk) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !waiting_ || error_; });
  if (error_) std::rethrow_exception(error_);
  waiting_ = std::move(chunk);
  changed_.notify_all();
}

void Conveyor::finish() {
  stop(false);
  if (error_) std::rethrow_exception(error_);
}

void Conveyor::stop(bool drop) noexcept {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    if (drop) waiting_.reset();
    stopping_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void Conveyor::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return waiting_ || stopping_; });
    if (!waiting_) return;
    auto chunk = std::exchange(waiting_, std::nullopt);
    changed_.notify_all();
    lock.unlock();
    std::exception_ptr error;
    try {
      consume_(std::move(*chunk));
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    if (!error) continue;
    error_ = error;
    changed_.notify_all();
    return;
  }
}

}  // namespace fm::dump
