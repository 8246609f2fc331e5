// FiftyOne SDK processes that are connected to the server (rule C1).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bson/document.h"

namespace fm {

class Mongo;

// Connections of one host with one driver: of one process or of several, which
// the server does not tell apart. Nor does it know the version of the SDK.
struct ConnectedClient {
  std::string host;      // as the server sees it
  std::string driver;    // "PyMongo 4.9.2"
  std::string platform;  // "CPython 3.11.2.final.0"
  std::int64_t connections = 0;
  // When the first of them connected, from the server's log; `at_least` when the
  // log goes back no further. Nothing where the log cannot be read.
  std::optional<std::int64_t> since_ms;
  bool at_least = false;

  std::string text() const;
  bson::Document document() const;
};

// Nothing without the right inprog. On a sharded cluster: those of this mongos.
std::optional<std::vector<ConnectedClient>> connected_clients(Mongo& mongo);

// Before a migration: what to say about connected clients, or "". With
// `require_idle` throws Error(kPrecondition) instead, also where they cannot be
// seen.
std::string notice_clients(Mongo& mongo, bool require_idle);

}  // namespace fm
