#include "revisions/service.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/text.h"

namespace fm {

namespace {

// Source: docs/enterprise.md. Public are orgs, users, delegated_ops and
// orchestrators; the others are our choice.
const std::map<std::string, std::string>& defaults() {
  static const std::map<std::string, std::string> kDefaults = {
      {"cas.orgs", "orgs"},
      {"cas.users", "users"},
      {"cas.groups", "groups"},
      {"cas.invitations", "invitations"},
      {"cas.configuration", "configurations"},
      {"cas.smtp", "smtpConfigurations"},
      {"cas.accounts", "accounts"},
      {"cas.service_accounts", "serviceAccounts"},
      {"hub.settings", "organization_settings"},
      {"hub.api_keys", "api_keys"},
      {"hub.secrets", "secrets"},
      {"hub.credentials", "cloud_credentials"},
      {"hub.plugins", "plugins"},
      {"enterprise.snapshots", "snapshots"},
      {"enterprise.permissions", "dataset_permissions"},
      {"enterprise.operations", "delegated_ops"},
      {"enterprise.orchestrators", "orchestrators"},
  };
  return kDefaults;
}

}  // namespace

const char* name_of(Service service) {
  switch (service) {
    case Service::kCas:
      return "cas";
    case Service::kHub:
      return "hub";
    case Service::kEnterprise:
      return "enterprise";
    case Service::kDatasets:
      return "datasets";
  }
  return "";
}

std::optional<Service> service_named(std::string_view name) {
  for (const auto service : kServices) {
    if (name == name_of(service)) return service;
  }
  return std::nullopt;
}

Parameters::Parameters() : collections_(defaults()) {}

bool Parameters::known(const std::string& parameter) { return defaults().contains(parameter); }

std::vector<std::string> Parameters::names() {
  std::vector<std::string> out;
  for (const auto& [parameter, collection] : defaults()) out.push_back(parameter);
  return out;
}

void Parameters::set(const std::string& parameter, const std::string& collection) {
  if (!known(parameter)) {
    const auto close = nearest(parameter, names());
    throw Error(Exit::kUsage,
                fmt::format("There is no collection '{}'{}", parameter,
                            close ? fmt::format("; did you mean '{}'?", *close) : ""),
                fmt::format("The collections are {}.", fmt::join(names(), ", ")));
  }
  if (collection.empty())
    throw Error(Exit::kUsage, fmt::format("The setting '{}' was given without a value", parameter));
  collections_[parameter] = collection;
}

const std::string& Parameters::collection(const std::string& target) const {
  const auto found = collections_.find(target);
  return found == collections_.end() ? target : found->second;
}

std::map<std::string, std::string> Parameters::of(Service service) const {
  std::map<std::string, std::string> out;
  const auto prefix = std::string(name_of(service)) + ".";
  for (const auto& [parameter, collection] : collections_) {
    if (parameter.starts_with(prefix)) out.emplace(parameter, collection);
  }
  return out;
}

}  // namespace fm
