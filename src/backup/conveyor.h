// Hands chunks to a thread of its own, in order; at most one waits.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace fm::dump {

class Conveyor {
 public:
  explicit Conveyor(std::function<void(std::string)> consume);
  Conveyor(const Conveyor&) = delete;
  Conveyor& operator=(const Conveyor&) = delete;
  // What waits is dropped unless finish() was called.
  ~Conveyor();

  // Both rethrow what the consumer threw.
  void put(std::string chunk);
  void finish();

 private:
  void run();
  void stop(bool drop) noexcept;

  std::function<void(std::string)> consume_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::string> waiting_;
  bool stopping_ = false;
  std::exception_ptr error_;
  std::thread thread_;
};

}  // namespace fm::dump
