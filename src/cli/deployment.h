// An open database, and which version is meant for it.
#pragma once

#include <optional>
#include <string>

#include "cli/log.h"
#include "cli/session.h"
#include "exec/heads.h"
#include "revisions/version_map.h"

namespace fm::cli {

struct Deployment {
  Session session;
  DatabaseHeads found;

  // Throws Error(kUsage) for an Enterprise database under a name that nobody
  // gave, unless the caller looks for that. Warnings of the server's validation
  // go to `log`.
  Deployment(const Settings& settings, const Log& log, bool check_name = true,
             Session::Ahead ahead = Session::Ahead::kCatalogue);

  bool enterprise() const { return found.heads.edition == Edition::kEnterprise; }
};

// Which server that is, without secrets.
std::string place(const Settings& settings);

// The version a command aims at.
struct Target {
  std::optional<std::string> version;     // open source, as Request takes it
  std::optional<std::string> enterprise;  // of an Enterprise database: the other number
  std::string note;                       // how the number was read; empty where there is one reading
};

// `version` is an Enterprise version on an Enterprise database, `os_version`
// always an open-source one. Throws Error(kUsage) for both, Error(kIncompatible)
// for what is no version or an unknown one.
Target resolve_target(Edition edition, const std::optional<std::string>& version,
                      const std::optional<std::string>& os_version, const VersionMap& versions);

// Makes an open-source database one of FiftyOne Enterprise (--adopt), and reads
// it again. The lease is held.
void adopt(Deployment& deployment);

}  // namespace fm::cli
