#include "plan/access.h"

#include <fmt/format.h>

#include <algorithm>

namespace fm {

namespace {

struct Client {
  const char* since;
  const char* opens;
};

// Constants of the releases: databases that a client opens besides those of its
// own version. Older ones open no others.
constexpr Client kClients[] = {
    {"0.16.3", ">=0.16.3,<0.17"}, {"0.19.1", ">=0.19,<0.20"}, {"0.22.2", ">=0.19,<0.23"},
    {"1.0.1", ">=0.19,<1.1"},     {"1.4.0", ">=0.19,<2"},
};

}  // namespace

std::string clients_that_open(const Catalogue& catalogue, const std::string& database_version) {
  const auto version = Version::try_parse(database_version);
  if (!version) return "no version that is known";
  const auto opens = [&](const Client& client) { return Specifier::parse(client.opens).contains(database_version); };
  const auto first = std::find_if(std::begin(kClients), std::end(kClients), opens);
  if (first == std::end(kClients)) return database_version + " only";
  // Those of 0.16.3 had no successors that open the same.
  if (first == std::begin(kClients)) return "0.16.3 and later, below 0.17";
  const auto out =
      std::string(first->since) + " and later" + (catalogue.compatible.contains(database_version) ? ", below 2" : "");
  return *version < Version::parse(first->since) ? out + ", and " + database_version : out;
}

std::string opened_by(const std::string& client_version) {
  const auto version = Version::parse(client_version).base();
  // From 0.22.2 on every version declares one; before, only those that theirs holds.
  static const auto always = Version::parse("0.22.2");
  std::string out;
  for (const auto& client : kClients) {
    if (Version::parse(client.since) > version) break;
    const bool declares = version >= always || Specifier::parse(client.opens).contains(version.str());
    out = declares ? client.opens : "";
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
                     "https://docs.voxel51.com/user_guide/config.html#database-migrations");
}

}  // namespace fm
