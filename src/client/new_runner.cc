#include "client/new_runner.h"

#include <chrono>

#include "base/machine.h"

namespace fm {

namespace {

constexpr std::size_t kSeedBytes = 16;

}  // namespace

Runner new_runner(Mongo& mongo, const Catalogue& catalogue, const RunSettings& settings, RunObserver& observer) {
  using namespace std::chrono;
  const auto now = duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  return {mongo, catalogue, now, random_bytes(kSeedBytes), settings, observer};
}

}  // namespace fm
