// The migrations that the original offers to programs, with its rules.
#pragma once

#include "client/load.h"
#include "exec/runner.h"
#include "plan/plan.h"

namespace fm {

// What a request would do (spec runner 2.1 to 2.3): a database that is not this
// client's is no reason to refuse, and nothing is lifted first. `wanted` says what:
// target, all, names.
Plan plan_request(const Catalogue& catalogue, const DatabaseHeads& heads, Request wanted, const LoadSettings& settings);

// Does it. An interrupted run is finished first. Waits for another run as
// load_dataset does. With `settings.run.refuse_all` the first refusal is thrown
// and nothing is written; else refusals and failures are in the report.
RunReport migrate_request(Mongo& mongo, const Catalogue& catalogue, const Request& wanted, const LoadSettings& settings,
                          RunObserver& observer);

}  // namespace fm
