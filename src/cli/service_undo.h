// The services of a run that is taken back, beside its datasets.
#pragma once

#include <string>
#include <vector>

#include "bson/document.h"
#include "cli/program.h"
#include "cli/service_homes.h"
#include "exec/service_runner.h"

namespace fm::cli {

class ServiceUndo {
 public:
  // Opens the database of cas where the run went there; throws Error(kUsage)
  // when its settings are missing, Error(kPrecondition) when they are of another one. `main` and `control` outlive
  // this.
  ServiceUndo(const RunRecord& run, const Settings& settings, const Globals& globals, Deployment& main, const Log& log,
              Control& control);

  bool any() const { return !before_.empty() || !after_.empty(); }
  // Throws Error(kRights).
  void require_rights();
  // Takes the lease of the second database, and finishes what runs other than
  // this one left half-way in its services.
  void prepare(RunObserver& observer);
  // Throws Error(kPrecondition) naming what was changed since. With `skip_changed`
  // services that were moved since are left as they are.
  void check(bool skip_changed, RunObserver& observer);

  // What the undo takes along: what went up goes down, after the datasets.
  RunServices parts();
  bson::Array details() const;
  // `by`: the id of the undo.
  void go_before(const std::string& by, std::int64_t now_ms, const std::string& seed, RunObserver& observer);
  void go_after(const std::string& by, std::int64_t now_ms, const std::string& seed, RunObserver& observer);

  // What was left since the last call: services, documents, indexes.
  std::vector<DatasetFailure> take_left();

  std::string text() const;
  bson::Array documents() const;

 private:
  struct Part {
    Service service;
    RunRecord record;
  };
  ServiceRunner runner(Service service, const std::string& by, RunObserver& observer);
  void leave(Service service, const std::string& what);
  void go(const std::vector<Part>& parts, const std::string& by, std::int64_t now_ms, const std::string& seed,
          RunObserver& observer);

  const RunRecord& run_;
  const Catalogue& catalogue_;
  Control& control_;
  Parameters parameters_;
  ServiceHomes homes_;
  std::vector<Part> before_;  // in the order of work
  std::vector<Part> after_;
  std::vector<ServiceReport> reports_;
  std::vector<DatasetFailure> left_;
};

}  // namespace fm::cli
