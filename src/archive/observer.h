// Who is told while a dataset moves.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace fm::archive {

// Called from one thread at a time, `stop` from any. What a function throws ends
// the work; what was written is taken back as after any other failure.
struct Observer {
  std::function<void(const std::string& phase)> phase;
  std::function<void(std::int64_t done, std::int64_t total)> bytes;  // of the phase
  std::function<void(const std::string& text)> warning;
  std::function<void()> stop;  // asked often: throws where the work is to end

  void begin(const std::string& name) const {
    checkpoint();
    if (phase) phase(name);
  }
  void progress(std::int64_t done, std::int64_t total) const {
    checkpoint();
    if (bytes) bytes(done, total);
  }
  void checkpoint() const {
    if (stop) stop();
  }
  void warn(const std::string& text) const {
    if (warning) warning(text);
  }
};

}  // namespace fm::archive
