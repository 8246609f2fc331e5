#include "exec/doctor.h"

#include <fmt/format.h>

#include "base/error.h"
#include "bson/path.h"
#include "exec/doctor_checks.h"

namespace fm {

using bson::Document;
using Level = Finding::Level;

namespace {

// A look that fails is a finding too, unless there is no server to look at. `for_doctor`: migrating does without
// the rights that it takes.
template <class Look>
void add(std::vector<Finding>& out, const char* id, const char* what, Level at_failure, const Look& look,
         bool for_doctor = false) {
  try {
    look();
  } catch (const Error& error) {
    if (error.code() == Exit::kUnreachable) throw;
    const bool denied = error.code() == Exit::kRights;
    out.push_back({id, denied ? Level::kNote : at_failure, what, fmt::format("cannot see: {}", error.what()),
                   denied && for_doctor ? doctor::kRoleToLook : error.remedy()});
  }
}

}  // namespace

std::vector<Finding> examine(Mongo& mongo, const Catalogue& catalogue) {
  auto out = doctor::look_at_server(mongo);
  const auto privileges = Privileges::read(mongo);
  std::optional<Heads> heads;
  std::optional<Finding> unread;
  try {
    heads = read_heads(mongo).heads;
  } catch (const Error& error) {
    if (error.code() == Exit::kUnreachable) throw;
    // Without a login there is nothing more to say than the server does.
    if (error.code() == Exit::kRights && (!privileges || privileges->users().empty())) throw;
    unread = Finding{"database", Level::kBlocker, "Database", fmt::format("cannot be read: {}", error.what()),
                     error.remedy()};
  }
  bool replica_set = false;
  for (const auto& finding : out) replica_set = replica_set || finding.id == "members";

  add(
      out, "disk", "Disk", Level::kNote, [&] { out.push_back(doctor::look_at_disk(mongo)); }, true);
  for (auto& finding : doctor::judge_rights(privileges, mongo.database(), replica_set))
    out.push_back(std::move(finding));
  if (heads) out.push_back(doctor::judge_database(*heads, catalogue));
  if (unread) out.push_back(std::move(*unread));
  if (heads) out.push_back(doctor::judge_access(*heads, catalogue));
  add(out, "clients", "SDK processes", Level::kNote, [&] { out.push_back(doctor::look_at_clients(mongo)); });
  add(out, "unfinished", "Unfinished runs", Level::kBlocker,
      [&] { out.push_back(doctor::look_at_unfinished(mongo, heads)); });
  add(out, "lease", "Lease", Level::kNote, [&] {
    if (auto lease = doctor::look_at_lease(mongo)) out.push_back(std::move(*lease));
  });
  add(
      out, "residue", "Kept for undo", Level::kNote, [&] { out.push_back(doctor::look_at_residue(mongo)); }, true);
  return out;
}

}  // namespace fm
