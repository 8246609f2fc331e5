// The databases of a deployment's services: that of FiftyOne, and that of cas.
#pragma once

#include <optional>

#include "cli/deployment.h"
#include "exec/residue.h"
#include "plan/plan.h"
#include "revisions/service.h"
#include "store/lease.h"

namespace fm::cli {

class ServiceHomes {
 public:
  // Opens the database of cas if it is needed; its settings are there. Throws
  // Error(kUsage) where it is the other one. `main` outlives this. Warnings that
  // `main` has not given yet go to `log`.
  ServiceHomes(bool with_cas, const Settings& settings, Deployment& main, const Log& log);

  Mongo& main() { return main_.session.mongo(); }
  // Nothing where it was not opened.
  Mongo* cas() { return cas_ ? &cas_->mongo() : nullptr; }
  Mongo& of(Service service) { return service == Service::kCas ? cas_->mongo() : main(); }

  // Takes the lease of the second database, after that of the first; whether it
  // was not held before.
  bool lock();

  // Notes in what a run takes along which database that of cas is.
  void name_cas(RunServices& services, const Parameters& parameters);
  // Throws Error(kPrecondition) when the run went to another database of cas.
  void require_same_cas(const RunRecord& run, const Parameters& parameters);
  // The same for a run that is half-way; and what lets suspect another one than
  // the deployment's: the name that the last run used. Reads the records of runs.
  std::optional<std::string> suspect_cas(const Parameters& parameters);

 private:
  Deployment& main_;
  std::optional<Session> cas_;
  std::optional<Lease> cas_lease_;
};

}  // namespace fm::cli
