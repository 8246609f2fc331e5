// fiftyone-migrator that kills itself before or after its write number
// FM_CUT_AT/2, counted in all threads.
#include <atomic>
#include <csignal>
#include <cstdlib>

#include "store/fault_point.h"

namespace fm {

void fault_point() {
  static const char* const at = std::getenv("FM_CUT_AT");
  static const long number = at ? std::strtol(at, nullptr, 10) : 0;
  static std::atomic<long> boundary = 0;
  if (++boundary == number) std::raise(SIGKILL);
}

}  // namespace fm
