// What the user of the connection may do, and what a migration needs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/mongo.h"

namespace fm {

struct Right {
  const char* action;
  const char* purpose;
};

// On every collection of the database (docs/security.md). A test migrates up
// and down with exactly these, and with each of them left out.
const std::vector<Right>& needed_rights();

// The same for the database of a service, which readWrite covers: no dbAdmin, no
// collMod, no validators.
const std::vector<Right>& needed_service_rights();
// For a dataset that comes into the database.
const std::vector<Right>& needed_import_rights();
// To take a run back that dropped collections of a service, beside these.
const std::vector<Right>& needed_to_make_collections();
// To write collections beside their places, with their indexes, and to rename them over.
const std::vector<Right>& needed_to_restore();

class Privileges {
 public:
  // As the reply to connectionStatus with showPrivileges says.
  explicit Privileges(const bson::Document& reply);
  // Nothing where the server does not tell.
  static std::optional<Privileges> read(Mongo& mongo);

  // "user@database"; none without a login. Such a client may do anything on a
  // server without access control, and nothing on one with it.
  const std::vector<std::string>& users() const { return users_; }

  // On all collections of the database, but those of the server (system.*).
  bool on_database(const std::string& database, const std::string& action) const;
  bool on_collection(const std::string& database, const std::string& collection, const std::string& action) const;
  bool on_cluster(const std::string& action) const;

 private:
  struct Grant {
    std::optional<std::string> database;  // "" is any
    std::string collection;               // "" is any
    bool cluster = false;
    bool anything = false;
    std::vector<std::string> actions;
  };
  template <class Test>
  bool any(const std::string& action, const Test& test) const;

  std::vector<std::string> users_;
  std::vector<Grant> grants_;
};

// Those of the actions that the user lacks; none without a login.
std::vector<std::string> missing_rights(const Privileges& privileges, const std::string& database,
                                        const std::vector<Right>& needed = needed_rights());

// What to do about missing ones: the built-in roles that have them, or a role
// with all that is needed, as mongosh takes it, given to that user
// ("user@database"). Where the role is there already, it gets what it lacks.
std::string rights_remedy(const std::string& database, const std::string& user, const std::vector<std::string>& missing,
                          const std::vector<Right>& needed = needed_rights());

// Throws Error(kRights) that names every missing right. A server that does not
// tell is left to refuse by itself. Reads only.
void require_rights(Mongo& mongo, const std::vector<Right>& needed = needed_rights());

}  // namespace fm
