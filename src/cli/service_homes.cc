#include "cli/service_homes.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cli/services.h"

#include "exec/journal.h"

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
  cas_lease_.emplace(cas_->mongo(), LeaseOf::kCas);
  return true;
}

void ServiceHomes::name_cas(RunServices& services, const Parameters& parameters) {
  const auto among = [](const std::vector<std::string>& names) {
    return std::ranges::find(names, name_of(Service::kCas)) != names.end();
  };
  if (!cas_ || !(among(services.up) || among(services.down))) return;
  services.main_database = main().database();
  services.cas_database = cas_->mongo().database();
  services.cas_identity = database_identity(cas_->mongo(), parameters.collection("cas.users"));
}

void ServiceHomes::require_same_cas(const RunRecord& run, const Parameters& parameters) {
  const auto& [up, down, main_database, database, identity] = run.services;
  // A deployment that was copied under other names has its own.
  if (!cas_ || database.empty() || main_database != main().database()) return;
  auto& mongo = cas_->mongo();
  if (mongo.database() != database) {
    throw Error(Exit::kPrecondition,
                fmt::format("Run {} went to the database '{}' of cas, and CAS_DATABASE_NAME is '{}'", run.run, database,
                            mongo.database()),
                fmt::format("Set CAS_DATABASE_NAME to {}, and CAS_DATABASE_URI to its server.", database));
  }
  // What it kept there is the proof: a collection that was restored is another one.
  if (identity.empty() || Residue(mongo).run(part_of_run(run.run, name_of(Service::kCas)))) return;
  if (identity == database_identity(mongo, parameters.collection("cas.users"))) return;
  throw Error(Exit::kPrecondition,
              fmt::format("Run {} went to another database '{}' of cas than that on the server of CAS_DATABASE_URI: "
                          "neither what it kept is here nor the users that it found",
                          run.run, database),
              "Set CAS_DATABASE_URI to the server that the run went to.");
}

std::optional<std::string> ServiceHomes::suspect_cas(const Parameters& parameters) {
  if (!cas_) return std::nullopt;
  Residue residue(main());
  if (const auto left = Journal(main()).unfinished()) {
    if (const auto run = residue.run(left->run)) require_same_cas(*run, parameters);
  }
  const auto& name = cas_->mongo().database();
  for (const auto& run : residue.runs()) {
    if (run.services.cas_database.empty() || run.services.main_database != main().database()) continue;
    if (run.services.cas_database == name) return std::nullopt;
    return fmt::format("Run {} went to the database '{}' of cas, and now CAS_DATABASE_NAME is '{}': is that right?",
                       run.run, run.services.cas_database, name);
  }
  return std::nullopt;
}

}  // namespace fm::cli
