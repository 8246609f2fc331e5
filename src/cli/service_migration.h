// The services of an Enterprise deployment beside its datasets, as `migrate` and
// `plan` need them: two databases, one plan.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "backup/backup.h"
#include "bson/document.h"
#include "cli/deployment.h"
#include "cli/program.h"
#include "cli/service_homes.h"
#include "cli/services.h"
#include "cli/style.h"
#include "exec/estimate.h"
#include "exec/service_runner.h"
#include "plan/saved.h"
#include "plan/services.h"

namespace fm::cli {

class ServiceMigration {
 public:
  // Opens the database of cas where that is among the services. `main` outlives
  // this. Warnings go to `log`.
  ServiceMigration(const Chosen& chosen, const Settings& settings, const Globals& globals, Deployment& main,
                   const Log& log);

  // Asked between batches of documents and between services; outlives this. It
  // watches the server of cas from now on.
  void set_control(Control& control);

  // Throws Error(kPrecondition) when a run is half-way in another database of cas;
  // what lets suspect that it is not the deployment's, in words.
  std::optional<std::string> suspicion();

  // Whether a killed run left a service half-way.
  bool unfinished() const;
  // Finishes such runs. The lease of the main database is held.
  void roll_forward(RunObserver& observer);

  // From what is there now. `target` is an Enterprise version; without an
  // explicit one nothing goes down. Throws Error(kMismatch) for applied
  // revisions of a catalogue that have changed since, unless `adopt`.
  void make_plan(const std::string& target, bool explicit_target, bool adopt);
  // Counts what changes and what is lost; writes nothing.
  void survey(RunObserver& observer, std::int64_t now_ms, const std::string& seed);

  bool nothing_to_do() const { return plan_.nothing_to_do(); }
  // Throws Error(kIncompatible) for what the steps down take away for good.
  void refuse_losses() const;
  // Throws Error(kPrecondition) for documents that unique indexes of others keep out.
  void refuse_clashes() const;
  // Throws Error(kPrecondition) for values that stand twice where a unique index
  // is to be.
  void refuse_duplicates() const;
  bool has_duplicates() const { return !duplicates_.empty(); }

  // The id of the run, for the residue.
  void set_run(std::string run) { run_ = std::move(run); }

  // What the user of each database must be allowed; throws Error(kRights).
  void require_rights();
  // Takes the lease of the second database, after that of the first. Throws
  // Error(kMismatch) when a service has moved since it was planned.
  void lock();

  // The collections that the plan touches, with our bookkeeping: in the database
  // of cas, or in the other one.
  std::set<std::string> touched(bool of_cas);
  // The database of cas, if the plan goes there; and whether it does or not.
  Mongo* cas_database();
  Mongo* cas() { return homes_.cas(); }

  // For a plan that is kept in a file; `chosen` as for the constructor.
  SavedServices saved(const Chosen& chosen, const std::string& target);
  // Throws Error(kMismatch) when the services have moved since.
  void check_saved(const SavedServices& saved, const std::string& file);

  // What a run takes along.
  RunServices parts();
  // Services that go up, before the datasets; those that go down, after them.
  // What fails is thrown with where each service stands.
  void run_up(RunObserver& observer, std::int64_t now_ms, const std::string& seed);
  void run_down(RunObserver& observer, std::int64_t now_ms, const std::string& seed);

  // What survey() has found that there is to write.
  std::vector<ServiceCost> costs() const;
  std::string plan_text(const Style& style) const;
  std::string report_text() const;
  bson::Array plan_documents() const;
  bson::Array report_documents() const;
  // Where the services stand, for errors: "cas is at v2.13.0, hub is half-way ...".
  std::string standing() const;

 private:
  struct Surveyed {
    Service service;
    ServiceSurvey survey;
    double seconds;  // that it took
  };
  Mongo& home(Service service) const { return homes_.of(service); }
  std::vector<ServiceHead> read_heads() const;
  // The version of the database that guesses go by.
  std::optional<std::string> guessed_from() const;
  std::string cas_identity();
  ServiceRunner runner(Service service, RunObserver& observer);
  void run(const std::vector<ServiceRoute>& routes, RunObserver& observer, std::int64_t now_ms,
           const std::string& seed);

  std::string run_;
  const Settings& settings_;
  const Catalogue& catalogue_;
  VersionMap versions_;
  Parameters parameters_;
  Deployment& main_;
  mutable ServiceHomes homes_;
  Control* control_ = nullptr;
  bool locked_ = false;
  std::vector<Service> services_;
  std::vector<ServiceHead> heads_;
  ServicesPlan plan_;
  std::vector<Service> accepted_;  // whose applied revisions are taken as they are now
  std::vector<Surveyed> surveys_;
  std::vector<ServiceLoss> losses_;
  std::vector<std::string> duplicates_;
  std::vector<std::string> clashes_;
  std::vector<ServiceReport> reports_;
};

// Where every service of an Enterprise deployment stands, for `info`.
std::vector<ServiceHead> service_heads(Mongo& main, Mongo* cas, const std::optional<std::string>& config_version,
                                       const VersionMap& versions, const Parameters& parameters);
// The Enterprise version that the services go to, in the deployment series. Throws
// Error(kUsage) for an open-source version that is older than all of them.
std::string service_target(const Target& target, const VersionMap& versions);
// What the plan of the services touches goes into a backup, too.
void add_services(BackupRequest& request, ServiceMigration& services);

// Finishes what a killed program left in a service, and says so in the history.
void finish_half_way(ServiceHomes& homes, Service service, ServiceRunner runner);
// Says in the history of a run what became of one of its services.
void note_done(ServiceHomes& homes, const std::string& run, const ServiceReport& done);

// Throws Error(kUsage) for an unknown parameter, and one collection given to two.
Parameters parameters_of(const Settings& settings);
// "v2.12.0", "v2.16.5 (guessed)", "not known, 1.6.0 or later", "not present", ...
std::string shown(const ServiceHead& head);

}  // namespace fm::cli
