// The services of a deployment, as --include and --exclude name them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "config/settings.h"
#include "plan/plan.h"
#include "revisions/service.h"

namespace fm::cli {

struct Selection {
  std::vector<std::string> include;  // words as typed, with commas
  std::vector<std::string> exclude;
  std::optional<std::string> version;  // as typed; the last word of the two lists may be it
};

struct Chosen {
  std::optional<std::string> version;
  std::vector<Service> services;  // in the order in which they go up
  bool by_name = false;           // --include or --exclude was given

  bool has(Service service) const;
  // More than the datasets.
  bool others() const;
};

// Throws Error(kUsage): a word that is no service, both options, nothing left.
Chosen choose_services(const Selection& selection);

// What the edition allows: datasets alone on open source. Then the settings that
// the services need. Throws Error(kUsage) naming all that are missing, for a
// service of Enterprise on open source, and for one database given twice.
void check_services(Chosen& chosen, Edition edition, const Settings& settings);
// What is said of one database given for both.
Error one_database(const std::string& name);
// The settings that these services of an Enterprise deployment need, alone.
void require_settings(const Chosen& chosen, const Settings& settings, bool can_exclude = true);

// The same before any database was opened: an Enterprise deployment is meant
// when a service of it is included by name, or its settings are there.
void check_services_before(const Chosen& chosen, const Settings& settings);

}  // namespace fm::cli
