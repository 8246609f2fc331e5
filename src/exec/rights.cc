#include "exec/rights.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "bson/path.h"
#include "bson/read.h"

namespace fm {

using bson::Array;
using bson::Document;

namespace {

bool is_true(const Document& doc, const char* key) {
  const auto* value = doc.find(key);
  return value && value->truthy();
}

template <class Visit>
void each_document(const Document& reply, const char* path, const Visit& visit) {
  const auto* value = bson::Path(path).find(reply);
  const auto* list = value ? value->as<Array>() : nullptr;
  if (!list) return;
  for (const auto& item : *list) {
    if (const auto* doc = item.as<Document>()) visit(*doc);
  }
}

// A text inside double quotes of JavaScript.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

bool is_beyond_read_write(const std::string& action) {
  return action == "bypassDocumentValidation" || action == "collMod";
}

std::vector<std::string> quoted_actions(const std::vector<Right>& needed) {
  std::vector<std::string> out;
  for (const auto& right : needed) out.push_back(quoted(right.action));
  return out;
}

}  // namespace

const std::vector<Right>& needed_rights() {
  static const std::vector<Right> kNeeded = {
      {"find", "reading versions, datasets and samples"},
      {"insert", "the journal, and documents that a version keeps apart"},
      {"update", "everything that is migrated"},
      {"remove", "the journal, and documents that a version does not know"},
      {"listCollections", "which collections there are"},
      {"dropCollection", "the journal at the end, and collections without a dataset (0.15.0)"},
      {"renameCollectionSameDB", "keeping collections without a dataset for undo (0.15.0)"},
      {"listIndexes", "going below 0.6.2"},
      {"dropIndex", "going below 0.6.2: an index of frames that its layout cannot keep"},
      {"createIndex", "the same index when that is taken back, and what verify --repair makes"},
  };
  return kNeeded;
}

const std::vector<Right>& needed_service_rights() {
  static const std::vector<Right> kNeeded = {
      {"find", "reading the versions and documents of services"},
      {"insert", "the version of a service, and documents that come back on the way up"},
      {"update", "everything that is migrated"},
      {"remove", "documents that a version has no place for"},
      {"listCollections", "which collections there are"},
      {"listIndexes", "which indexes there are"},
      {"createIndex", "indexes that a version has"},
      {"dropIndex", "indexes that were made here, on the way down"},
      {"dropCollection", "the lease at the end"},
  };
  return kNeeded;
}

const std::vector<Right>& needed_import_rights() {
  static const std::vector<Right> kNeeded = {
      {"find", "names in use, and the version of the database"},
      {"insert", "all that comes"},
      {"update", "the lease, and a dataset that gives way"},
      {"remove", "what belonged to a dataset that gave way, and what is taken back"},
      {"listCollections", "which collections there are"},
      {"createIndex", "the indexes of a dataset"},
      {"dropCollection", "the same as remove, and the lease at the end"},
  };
  return kNeeded;
}

const std::vector<Right>& needed_to_make_collections() {
  static const std::vector<Right> kNeeded = {{"createCollection", "collections that were dropped, with their options"}};
  return kNeeded;
}

const std::vector<Right>& needed_to_restore() {
  static const std::vector<Right> kNeeded = {
      {"find", "comparing with what is there"},
      {"insert", "documents"},
      {"update", "the history of runs"},
      {"remove", "the mark of a restore that is at work"},
      {"listCollections", "which collections there are"},
      {"createCollection", "collections, with their options"},
      {"createIndex", "their indexes"},
      {"renameCollectionSameDB", "putting them in their places"},
      {"dropCollection", "what they take the place of"},
  };
  return kNeeded;
}

Privileges::Privileges(const Document& reply) {
  each_document(reply, "authInfo.authenticatedUsers",
                [&](const Document& user) { users_.push_back(text_at(user, "user") + "@" + text_at(user, "db")); });
  each_document(reply, "authInfo.authenticatedUserPrivileges", [&](const Document& privilege) {
    Grant grant;
    if (const auto* value = privilege.find("resource"); value && value->as<Document>()) {
      const auto& resource = *value->as<Document>();
      if (resource.has("db")) grant.database = text_at(resource, "db");
      grant.collection = text_at(resource, "collection");
      grant.cluster = is_true(resource, "cluster");
      grant.anything = is_true(resource, "anyResource");
    }
    grant.actions = bson::strings_at(privilege, "actions");
    grants_.push_back(std::move(grant));
  });
}

std::optional<Privileges> Privileges::read(Mongo& mongo) {
  try {
    const auto reply = mongo.command(Document{{"connectionStatus", 1}, {"showPrivileges", true}}, "admin");
    // Servers that only speak MongoDB's protocol may leave them out.
    if (!bson::Path("authInfo.authenticatedUserPrivileges").find(reply)) return std::nullopt;
    return Privileges(reply);
  } catch (const Error& error) {
    if (error.code() == Exit::kUnreachable) throw;
    return std::nullopt;
  }
}

template <class Test>
bool Privileges::any(const std::string& action, const Test& test) const {
  return std::any_of(grants_.begin(), grants_.end(), [&](const Grant& grant) {
    const auto& actions = grant.actions;
    return (grant.anything || test(grant)) && std::find(actions.begin(), actions.end(), action) != actions.end();
  });
}

bool Privileges::on_collection(const std::string& database, const std::string& collection,
                               const std::string& action) const {
  return any(action, [&](const Grant& grant) {
    return grant.database && (grant.database->empty() || *grant.database == database) &&
           (grant.collection == collection || (grant.collection.empty() && !collection.starts_with("system.")));
  });
}

bool Privileges::on_database(const std::string& database, const std::string& action) const {
  return on_collection(database, "", action);
}

bool Privileges::on_cluster(const std::string& action) const {
  return any(action, [](const Grant& grant) { return grant.cluster; });
}

std::vector<std::string> missing_rights(const Privileges& privileges, const std::string& database,
                                        const std::vector<Right>& needed) {
  std::vector<std::string> out;
  if (privileges.users().empty()) return out;
  for (const auto& right : needed) {
    if (!privileges.on_database(database, right.action)) out.emplace_back(right.action);
  }
  return out;
}

std::string rights_remedy(const std::string& database, const std::string& user, const std::vector<std::string>& missing,
                          const std::vector<Right>& needed) {
  const auto at = user.rfind('@');
  const auto role = quoted("fiftyoneMigrator_" + database);
  const bool beyond = std::any_of(missing.begin(), missing.end(), is_beyond_read_write);
  return fmt::format(
      "Give the user the role{5} on {6}, or in mongosh:\n"
      "use admin\n"
      "db.getRole({0}) || db.createRole({{role: {0}, roles: [], privileges: []}})\n"
      "db.grantPrivilegesToRole({0}, [{{\n"
      "  resource: {{db: {1}, collection: \"\"}},\n"
      "  actions: [{2}]}}])\n"
      "use {3}\n"
      "db.grantRolesToUser({4}, [{{role: {0}, db: \"admin\"}}])",
      role, quoted(database), fmt::join(quoted_actions(needed), ", "), user.substr(at + 1), quoted(user.substr(0, at)),
      beyond ? "s readWrite and dbAdmin" : " readWrite", database);
}

void require_rights(Mongo& mongo, const std::vector<Right>& needed) {
  const auto privileges = Privileges::read(mongo);
  if (!privileges) return;
  const auto missing = missing_rights(*privileges, mongo.database(), needed);
  if (missing.empty()) return;
  throw Error(Exit::kRights,
              fmt::format("The user {} lacks the right{} {} on the database {}; nothing was written",
                          fmt::join(privileges->users(), ", "), missing.size() == 1 ? "" : "s",
                          fmt::join(missing, ", "), mongo.database()),
              rights_remedy(mongo.database(), privileges->users().front(), missing, needed));
}

}  // namespace fm
