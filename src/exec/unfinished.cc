#include "exec/unfinished.h"

#include <fmt/format.h>

#include "base/text.h"
#include "base/version.h"
#include "exec/journal.h"
#include "exec/repair.h"
#include "exec/residue.h"
#include "store/lease.h"

namespace fm {

std::string about_target(const std::string& target) {
  if (Version::try_parse(target)) return "a migration to v" + target;
  if (target == kRepairTarget) return "a repair";
  return target.starts_with("undo of ") ? "an " + target : "a run (" + target + ")";
}

std::string UnfinishedRun::text() const {
  return fmt::format("run {}, {}, begun {} by process {} on host {}", run, what, utc_text(begun_ms), pid, host);
}

std::string UnfinishedRun::remedy() const {
  std::string out = "'fiftyone-migrator migrate' finishes it first, whatever it goes on to do";
  if (can_be_undone) out += "; 'fiftyone-migrator undo " + run + "' takes it back instead";
  return out + ".";
}

std::optional<UnfinishedRun> unfinished_run(Mongo& mongo) {
  const auto left = Journal(mongo).unfinished();
  if (!left) return std::nullopt;
  UnfinishedRun out;
  out.run = left->run;
  out.what = about_target(left->target);
  out.host = left->host;
  out.pid = left->pid;
  out.begun_ms = left->now_ms;
  out.half_way = static_cast<std::int64_t>(left->entries.size());
  const auto holder = lease_holder(mongo);
  out.at_work = holder && holder->live();
  out.can_be_undone = left->undoes.empty() && Residue(mongo).run(left->run).has_value();
  return out;
}

}  // namespace fm
