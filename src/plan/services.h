// The services beside datasets: from where each stands to what will be done.
// Pure, like plan.h. Rules: docs/enterprise.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plan/plan.h"

namespace fm {

// A service as found. Versions are Enterprise versions in the deployment series
// ("1.3.2", not "0.13.2").
struct ServiceHead {
  Service service = Service::kCas;
  // Nothing: not known, and then every revision up to the target runs on the way up.
  std::optional<std::string> version;
  bool guessed = false;  // no run of ours has written it
  bool present = true;   // false: the service has nothing in its database, or was taken below its first version
  bool failed = false;   // the last run ended inside this service
  // A run that ended half-way: it is finished first, with its own time and seed.
  std::optional<std::string> unfinished_to;
};

struct ServiceRoute {
  Service service = Service::kCas;
  // `from` is "" where the version is not known. Revisions point into the catalogue.
  Route route;
  bool leaves = false;  // the service does not exist at `to`; its data stay
};

struct ServicesPlan {
  // In the order of work; datasets go between the two.
  std::vector<ServiceRoute> up;
  std::vector<ServiceRoute> down;
  struct Stays {
    Service service;
    std::string why;  // "at 2.15.0 already", "not present"
  };
  std::vector<Stays> staying;

  bool nothing_to_do() const { return up.empty() && down.empty(); }
};

struct ServicesRequest {
  std::vector<Service> services;
  std::string target;            // deployment series
  bool explicit_target = false;  // else nothing goes down
  // What the versions that are not known are taken for on the way down: the
  // Enterprise version of the database.
  std::optional<std::string> deployment;
};

ServicesPlan plan_services(const Catalogue& catalogue, const std::vector<ServiceHead>& heads,
                           const ServicesRequest& request);

// The first Enterprise version that has the service.
const char* first_version(Service service);

// The same rule for one service: revisions with from < version <= to up, those
// with to < version <= from down.
ServiceRoute service_route(const Catalogue& catalogue, Service service, const std::optional<std::string>& from,
                           const std::string& to);

}  // namespace fm
