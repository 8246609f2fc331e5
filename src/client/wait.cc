#include "client/wait.h"

#include <thread>

#include "base/error.h"

namespace fm {

namespace {

constexpr auto kPause = std::chrono::milliseconds(250);

}  // namespace

std::unique_ptr<Lease> wait_for_lease(Mongo& mongo, std::chrono::milliseconds patience,
                                      const std::function<bool()>& while_waiting) {
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    try {
      return std::make_unique<Lease>(mongo);
    } catch (const Error& error) {
      if (error.code() != Exit::kLocked || std::chrono::steady_clock::now() >= end) throw;
    }
    if (!while_waiting()) return nullptr;
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace fm
