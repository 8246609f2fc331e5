#include "exec/history.h"

#include <pwd.h>
#include <unistd.h>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "base/hash.h"
#include "base/machine.h"
#include "base/text.h"
#include "bson/read.h"
#include "exec/control.h"

namespace fm {

using bson::Array;
using bson::Date;
using bson::Document;
using bson::Value;

namespace {

// A run of 20,000 datasets may fail at each of them.
constexpr std::size_t kMostFailures = 100;

const Document kRuns{{"_id", Document{{"$type", "string"}}}};

std::string user_name() {
  passwd entry{};
  passwd* found = nullptr;
  char buffer[4096];
  if (getpwuid_r(geteuid(), &entry, buffer, sizeof buffer, &found) == 0 && found) return found->pw_name;
  return std::to_string(geteuid());
}

const char* text_of(Direction direction) { return direction == Direction::kUp ? "up" : "down"; }

Document error_document(const Error& error) {
  return {{"exit", static_cast<std::int32_t>(error.code())}, {"message", error.what()}, {"remedy", error.remedy()}};
}

Array losses_array(const std::vector<Tally>& losses) {
  Array out;
  for (const auto& loss : losses) {
    out.append(Document{{"revision", loss.revision},
                        {"field", loss.field},
                        {"what", loss.what},
                        {"values", loss.values},
                        {"datasets", loss.datasets}});
  }
  return out;
}

Document run_document(const RunStart& start, std::int64_t now) {
  Array ways;
  for (const auto& way : start.ways) {
    ways.append(Document{{"from", way.from}, {"to", way.to}, {"datasets", way.datasets}});
  }
  const auto version = [](const std::string& text) { return text.empty() ? Value() : Value(text); };
  Document out{{"_id", start.run},
               {"kind", start.kind},
               {"state", "running"},
               {"command", clean_utf8(start.origin.command)},
               {"tool", start.origin.tool},
               {"user", user_name()},
               {"host", host_name()},
               {"pid", static_cast<std::int64_t>(getpid())},
               {"started", Date{now}},
               {"attempts", 1},
               {"from", version(start.from)},
               {"to", version(start.to)},
               {"ways", std::move(ways)},
               {"datasets", Document{{"planned", start.planned},
                                     {"done", std::int64_t{0}},
                                     {"refused", std::int64_t{0}},
                                     {"failed", std::int64_t{0}}}}};
  for (const auto& [key, value] : start.details) out.set(key, value);
  return out;
}

}  // namespace

std::string run_id(std::int64_t now_ms, const std::string& seed) {
  // No letters that are taken for digits or for each other.
  static constexpr std::string_view kLetters = "0123456789abcdefghjkmnpqrstvwxyz";
  const auto digest = sha256(seed);
  const auto ms = static_cast<std::size_t>(now_ms % 1000);
  std::string tail{kLetters[ms / kLetters.size()], kLetters[ms % kLetters.size()]};
  for (const std::size_t i : {0, 1}) tail += kLetters[digest[i] % kLetters.size()];
  const auto second = std::chrono::floor<std::chrono::seconds>(
      std::chrono::system_clock::time_point(std::chrono::milliseconds(now_ms)));
  return fmt::format("{:%Y%m%d-%H%M%S}-{}", fmt::gmtime(std::chrono::system_clock::to_time_t(second)), tail);
}

RunStart start_of_migration(std::string run, RunOrigin origin, const Plan& plan, const Heads& heads) {
  RunStart out{std::move(run),
               "migrate",
               std::move(origin),
               heads.database.value_or(""),
               plan.database_version,
               static_cast<std::int64_t>(plan.datasets.size()),
               {},
               {}};
  std::vector<std::int64_t> datasets(plan.routes.size());
  for (const auto& move : plan.datasets) ++datasets[move.route];
  for (const auto& route : plan.database) {
    for (const auto* revision : route.revisions) out.steps.push_back({revision, route.direction, "database", 0});
  }
  std::map<std::pair<const Revision*, Direction>, std::size_t> seen;
  for (std::size_t i = 0; i < plan.routes.size(); ++i) {
    const auto& route = plan.routes[i];
    out.ways.push_back({route.from, route.to, datasets[i]});
    for (const auto* revision : route.revisions) {
      const auto [at, added] = seen.emplace(std::pair(revision, route.direction), out.steps.size());
      if (added) out.steps.push_back({revision, route.direction, "datasets", 0});
      out.steps[at->second].datasets += datasets[i];
    }
  }
  return out;
}

std::string state_after(const Error& error) {
  switch (error.code()) {
    case Exit::kPending:
    case Exit::kUnreachable:
    case Exit::kLocked:
    case Exit::kInterrupted:
    case Exit::kTerminated:
      return "interrupted";
    default:
      return "failed";
  }
}

void note_end(const Error& error, const std::function<void()>& note) {
  if (is_lost(error)) return;
  try {
    note();
  } catch (const Error&) {
    // What ended the run is told.
  }
}

void History::begin(const RunStart& start) {
  const auto now = clock_ms();
  const Document other{{"$ne", start.run}};
  const Document stale{{"state", "running"}, {"_id", other}, {"_id.run", other}};
  mongo_.update_many(kCollection, stale, Array{Document{{"$set", Document{{"state", "interrupted"}}}}}, false);
  std::vector<Document> documents{run_document(start, now)};
  for (const auto& step : start.steps) {
    documents.push_back({{"_id", Document{{"run", start.run},
                                          {"scope", step.scope},
                                          {"revision", step.revision->text},
                                          {"direction", text_of(step.direction)}}},
                         {"title", step.revision->title},
                         {"checksum", step.revision->checksum},
                         {"datasets", step.datasets},
                         {"state", "running"},
                         {"started", Date{now}},
                         {"order", static_cast<std::int64_t>(documents.size())}});
  }
  const auto known = mongo_.insert(kCollection, documents);
  if (std::find(known.begin(), known.end(), 0U) == known.end()) return;
  const Document again{{"$set", Document{{"state", "running"},
                                         {"command", *documents[0].find("command")},
                                         {"host", host_name()},
                                         {"pid", static_cast<std::int64_t>(getpid())}}},
                       {"$unset", Document{{"error", ""}, {"ended", ""}}},
                       {"$inc", Document{{"attempts", 1}}}};
  mongo_.update(kCollection, {{Document{{"_id", start.run}}, again}});
}

bool History::end(const std::string& run, const RunEnd& end) {
  auto document = mongo_.find_one(kCollection, Document{{"_id", run}});
  if (!document) return false;
  const auto now = clock_ms();
  const auto refused = static_cast<std::int64_t>(
      std::count_if(end.failures.begin(), end.failures.end(), [](const auto& failure) { return failure.refused; }));
  const auto failed = static_cast<std::int64_t>(end.failures.size()) - refused;
  const auto planned = bson::integer_at(*document, "datasets.planned");
  // What a killed attempt has done is not written down; at the end it is all.
  const auto done = end.state == "done" && end.failures.empty()
                        ? std::max(planned, end.done)
                        : bson::integer_at(*document, "datasets.done") + end.done;
  document->set("state", end.state);
  document->set("ended", Date{now});
  const auto* before = document->find("seconds");
  const auto* seconds = before ? before->as<double>() : nullptr;
  document->set("seconds", end.seconds + (seconds ? *seconds : 0));
  document->set("datasets", Document{{"planned", planned}, {"done", done}, {"refused", refused}, {"failed", failed}});
  if (!end.losses.empty()) document->set("losses", losses_array(end.losses));
  if (end.error) document->set("error", error_document(*end.error));
  Array failures;
  for (const auto& failure : end.failures) {
    if (failures.size() == kMostFailures) break;
    failures.append(Document{{"dataset", clean_utf8(failure.name)},
                             {"refused", failure.refused},
                             {"message", clean_utf8(failure.error.what())}});
  }
  if (!failures.empty()) document->set("failures", std::move(failures));
  for (const auto& [key, value] : end.details) document->set(key, value);
  mongo_.replace(kCollection, {{Document{{"_id", run}}, *document}});
  const Document marks{{"state", end.state}, {"ended", Date{now}}};
  mongo_.update_many(kCollection, Document{{"_id.run", run}}, Array{Document{{"$set", marks}}}, false);
  return true;
}

void History::note_done(const std::string& run, std::int64_t datasets) {
  const Document change{{"$max", Document{{"datasets.done", datasets}}}};
  mongo_.update(kCollection, {{Document{{"_id", run}}, change}});
}

void History::note_service(const std::string& run, const std::string& service, const Document& fields) {
  Document change;
  for (const auto& [key, value] : fields) change.append("services.$." + key, value);
  mongo_.update(kCollection,
                {{Document{{"_id", run}, {"services.service", service}}, Document{{"$set", std::move(change)}}}});
}

void History::undone(const std::string& run, const std::optional<std::string>& by) {
  Document change;
  Document filter{{"_id", run}};
  if (by) {
    const Document other{{"$ne", Array{"$state", "undone"}}};
    const Document before{{"$cond", Array{other, "$state", "$state_before_undo"}}};
    change = {{"$set", Document{{"state_before_undo", before}, {"state", "undone"}, {"undone_by", *by}}}};
    mongo_.update_many(kCollection, filter, Array{std::move(change)}, false);
    return;
  }
  filter.append("state", "undone");
  const Document before{{"$ifNull", Array{"$state_before_undo", "done"}}};
  mongo_.update_many(kCollection, filter,
                     Array{Document{{"$set", Document{{"state", before}}}},
                           Document{{"$unset", Array{"state_before_undo", "undone_by"}}}},
                     false);
}

std::vector<Document> History::runs() {
  std::vector<Document> out;
  FindOptions options;
  options.sort = Document{{"_id", -1}};
  mongo_.find(kCollection, kRuns, options, [&](bson::View view) { out.push_back(view.decode()); });
  return out;
}

Document History::find(const std::string& prefix) {
  std::vector<std::string> ids;
  std::optional<Document> found;
  int matches = 0;
  for (auto& run : runs()) {
    const auto id = bson::text_at(run, "_id");
    ids.push_back(id);
    if (!prefix.empty() && id.starts_with(prefix)) {
      ++matches;
      found = std::move(run);
      if (id == prefix) return *found;
    }
  }
  if (matches == 1) return *found;
  if (matches > 1) {
    std::string list;
    for (const auto& id : ids) {
      if (id.starts_with(prefix)) list += (list.empty() ? "" : ", ") + id;
    }
    throw Error(Exit::kUsage, std::to_string(matches) + " runs begin with '" + prefix + "': " + list,
                "Give more of it.");
  }
  const auto close = nearest(prefix, ids);
  const std::string hint = close         ? "; did you mean '" + *close + "'?"
                           : ids.empty() ? "; none is recorded"
                                         : "; the last one is '" + ids.front() + "'";
  throw Error(Exit::kNotFound, "There is no run '" + prefix + "'" + hint, "fiftyone-migrator history lists them.");
}

std::vector<Document> History::revisions(const std::string& run) {
  std::vector<Document> out;
  mongo_.find(kCollection, Document{{"_id.run", run}}, {}, [&](bson::View view) { out.push_back(view.decode()); });
  std::sort(out.begin(), out.end(), [](const Document& a, const Document& b) {
    return bson::integer_at(a, "order") < bson::integer_at(b, "order");
  });
  return out;
}

}  // namespace fm
