#include "cli/services.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "base/version.h"
#include "config/environment.h"

namespace fm::cli {

namespace {

std::vector<std::string> names_of_services() {
  // As the documentation of FiftyOne lists them.
  return {"datasets", "enterprise", "cas", "hub"};
}

std::vector<std::string> split(const std::string& words) {
  std::vector<std::string> out;
  for (std::size_t start = 0; start <= words.size();) {
    const auto comma = std::min(words.find(',', start), words.size());
    if (comma > start) out.push_back(words.substr(start, comma - start));
    start = comma + 1;
  }
  return out;
}

[[noreturn]] void no_such_service(const std::string& word) {
  const auto all = names_of_services();
  const auto close = nearest(word, all);
  throw Error(Exit::kUsage,
              fmt::format("There is no service '{}'{}", word, close ? "; did you mean '" + *close + "'?" : ""),
              fmt::format("The services are {}.", fmt::join(all, ", ")));
}

// The services among the words; a version behind them goes to `version`.
std::vector<Service> services_of(const std::vector<std::string>& words, std::optional<std::string>& version) {
  std::vector<Service> out;
  for (const auto& word : words) {
    if (!version && &word == &words.back() && !service_named(word) && Version::try_parse(word)) {
      version = word;
      break;
    }
    for (const auto& name : split(word)) {
      const auto service = service_named(name);
      if (!service) no_such_service(name);
      out.push_back(*service);
    }
  }
  return out;
}

bool among(const std::vector<Service>& services, Service service) {
  return std::ranges::find(services, service) != services.end();
}

// "mongodb://user:x@a,b:27017/x?y" -> "a:27017,b:27017": what tells servers apart.
std::string hosts_of(const std::string& uri) {
  auto rest = uri.substr(std::min(uri.size(), uri.find("://") == std::string::npos ? 0 : uri.find("://") + 3));
  rest = rest.substr(0, rest.find_first_of("/?"));
  if (const auto at = rest.rfind('@'); at != std::string::npos) rest.erase(0, at + 1);
  auto hosts = split(rest);
  for (auto& host : hosts) {
    std::ranges::transform(host, host.begin(), [](unsigned char c) { return std::tolower(c); });
    const auto colon = host.rfind(':');
    if (colon == std::string::npos || host.find(']', colon) != std::string::npos) host += ":27017";
  }
  std::ranges::sort(hosts);
  return fmt::format("{}", fmt::join(hosts, ","));
}

}  // namespace

Error one_database(const std::string& name) {
  return {Exit::kUsage,
          fmt::format("CAS_DATABASE_NAME and FIFTYONE_DATABASE_NAME name the same database, '{}', on the same server",
                      name),
          "The service cas has a database of its own: set CAS_DATABASE_NAME to its name."};
}

void require_settings(const Chosen& chosen, const Settings& settings, bool can_exclude) {
  std::vector<std::string> missing;
  if (chosen.has(Service::kCas)) {
    if (!settings.cas_database_uri) missing.emplace_back("CAS_DATABASE_URI");
    if (!settings.cas_database_name) missing.emplace_back("CAS_DATABASE_NAME");
  }
  if (!settings.database_uri) missing.emplace_back("FIFTYONE_DATABASE_URI");
  if (settings.is_default("database_name")) missing.emplace_back("FIFTYONE_DATABASE_NAME");
  if (!missing.empty()) {
    const bool cas_missing = chosen.has(Service::kCas) && !settings.cas_database_uri;
    std::string remedy = "Set them to what your deployment uses";
    if (missing.size() == 1) remedy = "Set it to what your deployment uses";
    remedy += can_exclude && chosen.has(Service::kCas) && missing.front().starts_with("CAS")
                  ? ", or leave the service out: --exclude cas."
                  : ".";
    if (cas_missing && Environment::process().filled("CAS_MONGODB_URI")) {
      remedy +=
          " CAS_MONGODB_URI is set: the service itself reads that one; here its value goes into CAS_DATABASE_URI.";
    }
    throw Error(Exit::kUsage,
                fmt::format("Migrating FiftyOne Enterprise needs {}, which {} not set", fmt::join(missing, ", "),
                            missing.size() == 1 ? "is" : "are"),
                remedy);
  }
  if (chosen.has(Service::kCas) && *settings.cas_database_name == settings.database_name &&
      hosts_of(settings.cas_database_uri->reveal()) == hosts_of(settings.database_uri->reveal())) {
    throw one_database(settings.database_name);
  }
}

bool Chosen::has(Service service) const { return among(services, service); }

bool Chosen::others() const {
  return std::ranges::any_of(services, [](Service service) { return service != Service::kDatasets; });
}

Chosen choose_services(const Selection& selection) {
  Chosen out;
  out.version = selection.version;
  const auto included = services_of(selection.include, out.version);
  const auto excluded = services_of(selection.exclude, out.version);
  out.by_name = !selection.include.empty() || !selection.exclude.empty();
  if (!selection.include.empty() && !selection.exclude.empty()) {
    throw Error(Exit::kUsage, "Both --include and --exclude were given",
                "Name the services to migrate, or those to leave alone.");
  }
  for (const auto service : kServices) {
    if (selection.include.empty() ? !among(excluded, service) : among(included, service))
      out.services.push_back(service);
  }
  if (out.services.empty()) throw Error(Exit::kUsage, "No service is left to migrate", "Exclude fewer of them.");
  return out;
}

void check_services_before(const Chosen& chosen, const Settings& settings) {
  // Included by name: an exclusion alone may stand in a script for both editions.
  const bool named = chosen.by_name && chosen.others() && chosen.services.size() < std::size(kServices);
  const bool cas_settings = settings.cas_database_uri || settings.cas_database_name;
  if ((named && !chosen.has(Service::kDatasets)) || cas_settings) require_settings(chosen, settings);
}

void check_services(Chosen& chosen, Edition edition, const Settings& settings) {
  if (edition == Edition::kEnterprise) return require_settings(chosen, settings);
  if (chosen.by_name && !chosen.has(Service::kDatasets)) {
    throw Error(Exit::kUsage,
                fmt::format("The database '{}' is one of open-source FiftyOne, which has the service datasets only",
                            settings.database_name),
                "Leave --include out; --adopt turns the database into one of FiftyOne Enterprise.");
  }
  chosen.services = {Service::kDatasets};
}

}  // namespace fm::cli
