#include <fmt/format.h>
#include <fmt/ranges.h>

#include "exec/clients.h"
#include "exec/doctor_checks.h"

namespace fm::doctor {

using bson::Array;
using bson::Document;
using Level = Finding::Level;

namespace {

// What the doctor sees with it; nothing else uses it.
struct Sight {
  std::string right;
  bool there;
};

std::vector<Sight> sights(const Privileges& user, const std::string& database, bool replica_set) {
  std::vector<Sight> out;
  for (const char* action : {"inprog", "getLog", "getParameter"}) out.push_back({action, user.on_cluster(action)});
  for (const char* action : {"dbStats", "collStats"}) {
    out.push_back({fmt::format("{} on {}", action, database), user.on_database(database, action)});
  }
  if (!replica_set) return out;
  out.push_back({"replSetGetStatus", user.on_cluster("replSetGetStatus")});
  for (const char* action : {"find", "collStats"}) {
    out.push_back({fmt::format("{} on local.oplog.rs", action), user.on_collection("local", "oplog.rs", action)});
  }
  return out;
}

}  // namespace

Finding judge_needed(const char* id, const char* what, const std::optional<Privileges>& privileges,
                     const std::string& database, const std::vector<Right>& needed) {
  if (!privileges) return {id, Level::kNote, what, "cannot see: this server does not tell them"};
  if (privileges->users().empty()) return {id, Level::kNote, what, "no login: the server lets anyone do anything"};
  const auto user = fmt::format("{}", fmt::join(privileges->users(), ", "));
  const auto missing = missing_rights(*privileges, database, needed);
  if (missing.empty()) return {id, Level::kOk, what, user + " may do all that migrating " + database + " needs"};
  return {id,
          Level::kBlocker,
          what,
          fmt::format("{} lacks on {}: {}", user, database, fmt::join(missing, ", ")),
          rights_remedy(database, privileges->users().front(), missing, needed),
          Document{{"missing", Array::of(missing)}}};
}

std::vector<Finding> judge_rights(const std::optional<Privileges>& privileges, const std::string& database,
                                  bool replica_set) {
  std::vector<Finding> out{judge_needed("rights", "Rights", privileges, database, needed_rights())};
  if (!privileges) return out;
  if (privileges->users().empty()) {
    out.front().remedy =
        "Turn access control on (security.authorization), and keep the server's port closed to others.";
    return out;
  }
  std::vector<std::string> unseen;
  for (const auto& sight : sights(*privileges, database, replica_set)) {
    if (!sight.there) unseen.push_back(sight.right);
  }
  if (!unseen.empty()) {
    out.push_back({"sight", Level::kNote, "Rights to look",
                   fmt::format("missing, for doctor alone: {}", fmt::join(unseen, ", ")), kRoleToLook,
                   Document{{"missing", Array::of(unseen)}}});
  }
  return out;
}

Finding look_at_clients(Mongo& mongo) {
  Finding out{"clients", Level::kOk, "SDK processes", "none connected"};
  const auto clients = connected_clients(mongo);
  if (!clients) {
    out.level = Level::kNote;
    out.found = "cannot see: the right inprog is missing";
    out.remedy = "Grant inprog on the cluster, or make sure yourself that no FiftyOne process is connected.";
    return out;
  }
  if (clients->empty()) return out;
  out.level = Level::kWarning;
  out.found.clear();
  Array list;
  for (const auto& client : *clients) {
    out.found += (out.found.empty() ? "" : "\n") + client.text();
    list.append(client.document());
  }
  out.details = Document{{"clients", std::move(list)}};
  out.remedy =
      "Stop these processes before a migration and start them after it: one that holds a dataset open goes on "
      "writing in the old way. Their versions of FiftyOne cannot be seen from here.";
  return out;
}

}  // namespace fm::doctor
