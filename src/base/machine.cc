#include "base/machine.h"

#include <unistd.h>

#include <chrono>
#include <random>

namespace fm {

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "";
}

std::int64_t clock_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string random_bytes(std::size_t count) {
  std::random_device device;
  std::string out;
  while (out.size() < count) {
    const auto bits = device();
    for (int shift = 0; shift < 32 && out.size() < count; shift += 8) out += static_cast<char>(bits >> shift);
  }
  return out;
}

}  // namespace fm
