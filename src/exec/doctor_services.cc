#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "bson/read.h"
#include "exec/doctor.h"
#include "exec/doctor_checks.h"
#include "exec/restore_mark.h"
#include "exec/service_versions.h"
#include "store/lease.h"

namespace fm {

using bson::Document;
using Level = Finding::Level;

namespace doctor {

Finding look_at_cas_lease(Mongo& cas) {
  Finding out{"cas_lease", Level::kOk, "Lease of cas", "free"};
  const auto holder = lease_holder(cas);
  if (!holder) return out;
  out.level = holder->live() ? Level::kBlocker : Level::kNote;
  out.found = fmt::format("held by process {} on host {}, since {}{}", holder->pid, holder->host,
                          utc_text(holder->started_ms), holder->live() ? "" : "; it is gone");
  if (holder->live()) {
    out.remedy =
        "Wait for it to end. It may be of another deployment with the same database of cas. If you are sure that it is "
        "gone: fiftyone-migrator lock release --cas --force";
  }
  return out;
}

Finding look_at_services(Mongo& main, Mongo* cas) {
  Finding out{"services", Level::kOk, "Services", "none is half-way"};
  std::vector<std::string> left;
  for (const auto service : {Service::kCas, Service::kHub, Service::kEnterprise}) {
    auto* home = service == Service::kCas ? cas : &main;
    if (!home) continue;
    ServiceVersion version(*home, service);
    const auto run = version.unfinished();
    if (!run) continue;
    const bool failed = bson::text_at(version.document(), "state") == "failed";
    left.push_back(fmt::format("{}: half-way{}{}, by run {}", name_of(service),
                               run->to.empty() ? "" : " to v" + run->to, failed ? ", where it failed" : "", run->run));
  }
  if (left.empty()) return out;
  out.level = Level::kWarning;
  out.found = fmt::format("{}", fmt::join(left, "\n"));
  out.remedy = "The next fiftyone-migrator migrate finishes them first; `undo` takes the whole run back instead.";
  return out;
}

}  // namespace doctor

std::vector<Finding> examine_services(Mongo& main, const std::function<Mongo*()>& open_cas) {
  std::vector<Finding> out;
  Mongo* cas = nullptr;
  try {
    cas = open_cas();
    if (cas) {
      out.push_back({"cas", Level::kOk, "Database of cas", cas->database() + ", which answers"});
      auto topology = doctor::judge_topology(cas->command(Document{{"hello", 1}}));
      topology.id = "cas_topology";
      topology.what = "Topology of cas";
      out.push_back(std::move(topology));
      if (const auto mark = RestoreMark::read(*cas)) {
        out.push_back({"cas_restore", Level::kBlocker, "Restore of cas", mark->text(), mark->remedy()});
      }
      out.push_back(doctor::judge_needed("cas_rights", "Rights on cas", Privileges::read(*cas), cas->database(),
                                         needed_service_rights()));
      out.push_back(doctor::look_at_cas_lease(*cas));
    } else {
      out.push_back({"cas", Level::kWarning, "Database of cas", "not looked at: its settings are missing",
                     "Set CAS_DATABASE_URI and CAS_DATABASE_NAME, or migrate the others alone: --exclude cas."});
    }
  } catch (const Error& error) {
    std::erase_if(out, [](const Finding& one) { return one.id == "cas"; });
    out.push_back({"cas", Level::kBlocker, "Database of cas", error.what(), error.remedy()});
    cas = nullptr;
  }
  try {
    out.push_back(doctor::look_at_services(main, cas));
  } catch (const Error& error) {
    if (error.code() == Exit::kUnreachable) throw;
    out.push_back(
        {"services", Level::kBlocker, "Services", fmt::format("cannot see: {}", error.what()), error.remedy()});
  }
  return out;
}

}  // namespace fm
