#include "cli/service_homes.h"

#include <algorithm>
#include <set>

#include "cli/services.h"

namespace fm::cli {

ServiceHomes::ServiceHomes(bool with_cas, const Settings& settings, Deployment& main, const Log& log) : main_(main) {
  if (!with_cas) return;
  cas_.emplace(Session::cas(settings));
  // A server has more names than one.
  auto& mongo = main.session.mongo();
  if (cas_->mongo().database() == mongo.database()) {
    std::set<std::string> uuids;
    for (const auto& one : mongo.collections()) uuids.insert(one.uuid);
    for (const auto& one : cas_->mongo().collections()) {
      if (!one.uuid.empty() && uuids.contains(one.uuid)) throw one_database(mongo.database());
    }
  }
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
