#include "cli/deployment.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/version.h"
#include "exec/database.h"
#include "revisions/catalogue.h"

namespace fm::cli {

namespace {

// The newest Enterprise version with that data model.
std::optional<std::string> enterprise_of(const VersionMap& versions, const std::string& open_source) {
  const auto* pair = versions.newest_for_open_source(open_source);
  return pair ? std::optional(pair->enterprise) : std::nullopt;
}

}  // namespace

Deployment::Deployment(const Settings& settings, const Log& log, bool check_name, Session::Ahead ahead)
    : session(settings, ahead) {
  for (const auto& warning : session.warnings()) log.warning(warning);
  found = read_heads(session.mongo());
  if (check_name && enterprise() && settings.database_uri && settings.is_default("database_name")) {
    throw Error(
        Exit::kUsage,
        "The database '" + settings.database_name + "' belongs to FiftyOne Enterprise, and no database name was given",
        "Set FIFTYONE_DATABASE_NAME to the name that your deployment uses.");
  }
}

std::string place(const Settings& settings) {
  if (settings.database_uri) return settings.database_uri->masked();
  if (settings.private_database_port) return fmt::format("private server, port {}", *settings.private_database_port);
  return "private server, " + settings.database_dir;
}

namespace {

// Where it can be nothing else: no data model known here is as new.
void refuse_enterprise_version(const std::string& typed, const VersionMap& versions) {
  const auto version = Version::try_parse(typed);
  if (!version || version->base() <= Version::parse(built_in_catalogue().client).base()) return;
  for (const auto& pair : versions.pairs()) {
    if (Version::parse(pair.enterprise).base() != version->base()) continue;
    throw Error(Exit::kIncompatible,
                fmt::format("{} is a version of FiftyOne Enterprise, and this database is open source", typed),
                fmt::format("Its open-source release is {}. --adopt turns the database into one of Enterprise.",
                            pair.open_source));
  }
}

}  // namespace

Target resolve_target(Edition edition, const std::optional<std::string>& version,
                      const std::optional<std::string>& os_version, const VersionMap& versions) {
  if (version && os_version) {
    throw Error(Exit::kUsage, "Both VERSION and --os-version were given", "One of them names the target.");
  }
  if (edition == Edition::kOpenSource) {
    if (version) refuse_enterprise_version(*version, versions);
    return {version ? version : os_version, std::nullopt, ""};
  }
  const auto& newest = built_in_catalogue().client;
  if (version) {
    const auto& pair = versions.resolve(*version);
    std::string note =
        "Version " + *version + " is Enterprise " + pair.enterprise + ", open source " + pair.open_source;
    if (Version::parse(*version).base() <= Version::parse(newest))
      note += " (--os-version names an open-source version)";
    return {pair.open_source, pair.enterprise, note};
  }
  const auto goal = os_version.value_or(newest);
  const auto enterprise = enterprise_of(versions, goal);
  return {os_version, enterprise,
          "The target is open source " + goal + ", " +
              (enterprise ? "Enterprise " + *enterprise : "older than any known Enterprise version")};
}

void adopt(Deployment& deployment) {
  auto found = deployment.found;
  found.heads.edition = Edition::kEnterprise;
  write_config(deployment.session.mongo(), found, found.heads.database.value_or(built_in_catalogue().client));
  deployment.found = read_heads(deployment.session.mongo());
}

}  // namespace fm::cli
