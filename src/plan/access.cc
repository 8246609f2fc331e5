#include "plan/access.h"

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

}  // namespace fm
