#include "store/fault_point.h"

namespace fm {

void fault_point() {}

}  // namespace fm
