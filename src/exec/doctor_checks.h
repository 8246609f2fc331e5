// The single looks of the doctor. judge_*: pure, from what was read to what it
// means; the others read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bson/read.h"
#include "exec/finding.h"
#include "exec/heads.h"
#include "exec/rights.h"
#include "revisions/catalogue.h"
#include "store/mongo.h"

namespace fm::doctor {

inline constexpr const char* kRoleToLook =
    "Not needed for migrating. The role clusterMonitor lets doctor see it, and so does the smaller "
    "fiftyoneMigratorDoctor of docs/security.md.";

// -- the server

Finding judge_server(const std::string& version);
// `compatibility`: nothing without the right to know.
Finding judge_feature_compatibility(const std::optional<std::string>& compatibility, const std::string& version);
// `ahead_ms`: how far the server's clock is ahead of ours.
Finding judge_clock(std::int64_t ahead_ms);
// `hello`: the server's reply to it.
Finding judge_topology(const bson::Document& hello);
// `status`: the reply to replSetGetStatus.
Finding judge_members(const bson::Document& status);

struct OplogFacts {
  std::int64_t first_ms = 0;
  std::int64_t last_ms = 0;
  std::int64_t bytes = 0;
  std::int64_t max_bytes = 0;  // 0: not known
};
Finding judge_oplog(const OplogFacts& facts);

std::vector<Finding> look_at_server(Mongo& mongo);

// -- room

struct DiskFacts {
  std::int64_t total = 0;  // of the file system with the server's data
  std::int64_t used = 0;
  std::int64_t database = 0;            // collections and indexes, as stored
  std::optional<std::int64_t> largest;  // collection, as stored, where it was looked for
  std::string largest_name = "";
};
Finding judge_disk(const DiskFacts& facts);
Finding look_at_disk(Mongo& mongo);

// -- the user and others

// Whether they are enough for what is `needed` on that database. Nothing was told:
// `privileges` is empty.
Finding judge_needed(const char* id, const char* what, const std::optional<Privileges>& privileges,
                     const std::string& database, const std::vector<Right>& needed);
// The same for migrating datasets, and what doctor itself cannot see.
std::vector<Finding> judge_rights(const std::optional<Privileges>& privileges, const std::string& database,
                                  bool replica_set);
Finding look_at_clients(Mongo& mongo);

// -- the database

Finding judge_database(const Heads& heads, const Catalogue& catalogue);
Finding judge_access(const Heads& heads, const Catalogue& catalogue);
Finding look_at_unfinished(Mongo& mongo, const std::optional<Heads>& heads);
// Nothing where there is none.
std::optional<Finding> look_at_lease(Mongo& mongo);
Finding look_at_residue(Mongo& mongo);

// -- the services of an Enterprise deployment

Finding look_at_cas_lease(Mongo& cas);
// Those that a run left half-way; without `cas`, of the others.
Finding look_at_services(Mongo& main, Mongo* cas);

}  // namespace fm::doctor
