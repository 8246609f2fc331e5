// From what is there to what will be done: pure, no database. Rules: spec
// runner 1 and 2, docs/architecture.md "Versions, editions, gates".
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "bson/document.h"
#include "revisions/catalogue.h"

namespace fm {

// The version a dataset carries while a run has it half-way. No client, old or
// new, admin or not, opens such a dataset.
inline constexpr std::string_view kParkedVersion = "9999.0+migrating";

enum class Edition { kOpenSource, kEnterprise };
enum class Direction { kUp, kDown };

struct DatasetHead {
  bson::Value id;
  std::optional<std::string> name;     // absent, null or not a string: no name
  bool has_name_key = true;            // documents without the key are left out of "all"
  std::optional<std::string> version;  // absent or null counts as "0.0"
};

// What was found. `database` is the stored version; absent or null means the
// client's version, which is then saved.
struct Heads {
  Edition edition = Edition::kOpenSource;
  std::optional<std::string> database;
  std::vector<DatasetHead> datasets;
};

struct Request {
  // kDropIn is `fiftyone migrate`: it first lifts an open-source database to
  // the client's version, as connecting with the original does.
  enum class Command { kMigrate, kDropIn };
  Command command = Command::kMigrate;
  std::optional<std::string> target;  // an open-source version, as typed
  bool all = false;                   // kDropIn: the database and every dataset, whatever `names` says
  std::vector<std::string> names;     // only these datasets, in this order
  bool lazy = false;                  // kMigrate: the database alone; datasets follow when they are loaded
  std::optional<bool> admin;          // FIFTYONE_DATABASE_ADMIN, where set
  bool disabled = false;              // FIFTYONE_DISABLE_MIGRATIONS
  bool services_disabled = false;  // FIFTYONE_DISABLE_SERVICES is "1": kDropIn neither checks nor lifts on connecting
};

// The revisions between two versions, in the order they run. Shared by all
// datasets with the same `from` and `to`. None at all is possible: then only
// the version text changes.
struct Route {
  std::string from;  // as stored; "0.0" for none
  std::string to;    // as typed or derived; what will be stored
  Direction direction = Direction::kUp;
  std::vector<const Revision*> revisions;
  // Whether a dataset at `to` carries a version: not below 0.6.2, where the key
  // is removed. The database always carries one.
  bool dataset_keeps_version = true;
};

struct DatasetMove {
  std::size_t head = 0;   // index into Heads::datasets
  std::size_t route = 0;  // index into Plan::routes
};

// A dataset (or a name that is none) that will not be migrated, and why.
struct Refusal {
  std::string name;
  std::optional<std::size_t> head;
  Error error;
};

struct Plan {
  std::vector<Route> database;  // at most two: the lift, then the command
  std::vector<Route> routes;
  // In code-point order of names, null last; with Request::names in that order.
  std::vector<DatasetMove> datasets;
  std::vector<Refusal> refused;  // in the same order
  // Datasets (and the database, if the command covers it and nothing is planned
  // for it) already there.
  std::size_t unchanged = 0;
  std::string target;            // the version the command aims at
  std::string database_version;  // what the database is at once the plan has run
  // No version is stored and no route stores one: `database_version` is saved.
  bool save_database_version = false;

  bool nothing_to_do() const {
    return database.empty() && datasets.empty() && refused.empty() && !save_database_version;
  }
};

// What ends the command before anything is planned is thrown (database newer
// than the client, not admin, unparsable version, migrations disabled for
// fiftyone-migrator); what concerns one dataset is a Refusal.
Plan make_plan(const Catalogue& catalogue, const Heads& heads, const Request& request);

// The rule of spec runner 1.4 for one list of revisions: direction, and what
// runs. Throws when either side is newer than the client.
Route make_route(const Catalogue& catalogue, const std::vector<Revision>& revisions, const std::string& from,
                 const std::string& to);

}  // namespace fm
