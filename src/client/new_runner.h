// A runner with a time and a seed of its own.
#pragma once

#include "exec/runner.h"

namespace fm {

Runner new_runner(Mongo& mongo, const Catalogue& catalogue, const RunSettings& settings, RunObserver& observer);

}  // namespace fm
