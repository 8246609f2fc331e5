#include "cli/service_homes.h"

#include <algorithm>

namespace fm::cli {

ServiceHomes::ServiceHomes(bool with_cas, const Settings& settings, Deployment& main, const Log& log) : main_(main) {
  if (!with_cas) return;
  cas_.emplace(Session::cas(settings));
  for (const auto& warning : cas_->warnings()) {
    const auto& known = main.session.warnings();
    if (std::ranges::find(known, warning) == known.end()) log.warning(warning);
  }
}

bool ServiceHomes::lock() {
  if (cas_lease_ || !cas_) return false;
  cas_lease_.emplace(cas_->mongo());
  return true;
}

}  // namespace fm::cli
