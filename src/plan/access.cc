#include "plan/access.h"

#include <fmt/format.h>

#include <algorithm>

namespace fm {

namespace {

struct Client {
  const char* since;
  const char* opens;
};

// COMPATIBLE_VERSIONS in fiftyone/constants.py of the releases: databases that a
// client opens besides those of its own version. It changed in these; older
// ones open no others.
constexpr Client kClients[] = {
    {"0.16.6", ">=0.16.3,<0.17"}, {"0.17.0", ">=0.16.6,<0.18"}, {"0.18.0", ">=0.16.6,<0.19"},
    {"0.19.0", ">=0.19,<0.20"},   {"0.20.0", ">=0.19,<0.21"},   {"0.21.1", ">=0.19,<0.22"},
    {"0.22.2", ">=0.19,<0.23"},   {"0.23.0", ">=0.19,<0.24"},   {"0.24.0", ">=0.19,<0.25"},
    {"1.0.1", ">=0.19,<1.1"},     {"1.1.0", ">=0.19,<1.2"},     {"1.2.0", ">=0.19,<1.3"},
    {"1.3.0", ">=0.19,<1.4"},     {"1.4.0", ">=0.19,<2"},
};
// Since then the documentation stands at another address.
constexpr const char* kNewAddress = "0.19.0";

}  // namespace

std::string clients_that_open(const Catalogue& catalogue, const std::string& database_version) {
  const auto version = Version::try_parse(database_version);
  if (!version) return "no version that is known";
  const auto opens = [&](const Client& client) { return Specifier::parse(client.opens).contains(database_version); };
  const auto* first = std::find_if(std::begin(kClients), std::end(kClients), opens);
  if (first == std::end(kClients)) return database_version + " only";
  const auto* behind = std::find_if_not(first, std::end(kClients), opens);
  auto out = std::string(first->since) + " and later";
  if (behind != std::end(kClients)) {
    const std::string since = behind->since;
    out += ", below " + since.substr(0, since.rfind('.'));
  } else if (catalogue.compatible.contains(database_version)) {
    out += ", below 2";
  }
  return *version < Version::parse(first->since) ? out + ", and " + database_version : out;
}

std::string enterprise_clients_that_open(const VersionMap& versions, const std::string& database_version) {
  const VersionPair* first = nullptr;
  const VersionPair* last = nullptr;
  for (const auto& pair : versions.pairs()) {
    if (client_refused(pair.open_source, "", database_version, "")) continue;
    if (!first) first = &pair;
    last = &pair;
  }
  if (!first) return "none";
  if (last == &versions.newest()) return first->enterprise + " and later";
  return first == last ? first->enterprise : first->enterprise + " to " + last->enterprise;
}

std::string opened_by(const std::string& client_version) {
  const auto version = Version::parse(client_version).base();
  std::string out;
  for (const auto& client : kClients) {
    if (Version::parse(client.since) <= version) out = client.opens;
  }
  return out;
}

std::optional<std::string> client_refused(const std::string& client_version, const std::string& client_type,
                                          const std::string& database_version, const std::string& database_type) {
  if (client_type != database_type) {
    return fmt::format("Cannot connect to database type '{}' with client type '{}'", database_type, client_type);
  }
  const auto range = opened_by(client_version);
  const bool same = Version::parse(client_version).base() == Version::parse(database_version).base();
  if (same || (!range.empty() && Specifier::parse(range).contains(database_version))) return std::nullopt;
  return fmt::format("Cannot connect to database v{} with client v{}{}. See {} for more information", database_version,
                     client_version, range.empty() ? "" : fmt::format(" (compatibility {})", range),
                     Version::parse(client_version).base() < Version::parse(kNewAddress)
                         ? "https://voxel51.com/docs/fiftyone/user_guide/config.html#database-migrations"
                         : "https://docs.voxel51.com/user_guide/config.html#database-migrations");
}

}  // namespace fm
