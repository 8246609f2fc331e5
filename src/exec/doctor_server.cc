#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "base/error.h"
#include "base/text.h"
#include "base/version.h"
#include "bson/path.h"
#include "exec/doctor_checks.h"

namespace fm::doctor {

using bson::Array;
using bson::Document;
using Level = Finding::Level;

namespace {

constexpr std::uint64_t kOldestMajor = 6;
constexpr std::int64_t kClockToleranceMs = 5000;
constexpr std::int64_t kLagMs = 60000;
constexpr std::int64_t kWindowMs = 24LL * 3600 * 1000;
constexpr double kOplogFull = 0.9;

std::uint64_t major_of(const std::string& version) { return std::strtoull(version.c_str(), nullptr, 10); }

std::int64_t now() {
  const auto time = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

// The middle of question and answer is when the server looked at its clock.
Finding look_at_clock(Mongo& mongo) {
  const auto asked = now();
  const auto reply = mongo.command(Document{{"hello", 1}}, "admin");
  const auto middle = asked + (now() - asked) / 2;
  const auto local = date_at(reply, "localTime");
  if (!local) return {"clock", Level::kNote, "Clock", "the server does not tell its time"};
  return judge_clock(*local - middle);
}

// The wall time of the first or last entry.
std::int64_t oplog_end(Mongo& mongo, int order) {
  const auto reply = mongo.command(Document{{"find", "oplog.rs"},
                                            {"sort", Document{{"$natural", order}}},
                                            {"projection", Document{{"wall", 1}}},
                                            {"limit", 1},
                                            {"singleBatch", true}},
                                   "local");
  const auto* value = bson::Path("cursor.firstBatch").find(reply);
  const auto* batch = value ? value->as<Array>() : nullptr;
  const auto* entry = batch && !batch->empty() ? (*batch)[0].as<Document>() : nullptr;
  const auto wall = entry ? date_at(*entry, "wall") : std::nullopt;
  if (!wall) throw Error(Exit::kFailed, "the oplog is empty");
  return *wall;
}

Finding look_at_oplog(Mongo& mongo) {
  OplogFacts facts{oplog_end(mongo, 1), oplog_end(mongo, -1)};
  try {
    const auto stats = mongo.command(Document{{"collStats", "oplog.rs"}}, "local");
    facts.bytes = integer_at(stats, "size");
    facts.max_bytes = integer_at(stats, "maxSize");
  } catch (const Error& error) {
    if (error.code() == Exit::kUnreachable) throw;
  }
  return judge_oplog(facts);
}

}  // namespace

Finding judge_server(const std::string& version) {
  const auto major = major_of(version);
  if (major < kOldestMajor) {
    return {"server", Level::kBlocker, "Server", "MongoDB " + version + ", too old",
            "Upgrade the server to MongoDB 6.0 or later, one major version after the other."};
  }
  if (major == kOldestMajor) {
    return {"server", Level::kNote, "Server",
            "MongoDB " + version + ", the oldest major version that FiftyOne supports",
            "Plan the upgrade to MongoDB 7.0; see https://deprecation.voxel51.com."};
  }
  return {"server", Level::kOk, "Server", "MongoDB " + version};
}

Finding judge_feature_compatibility(const std::optional<std::string>& compatibility, const std::string& version) {
  const std::string what = "Feature compatibility";
  if (!compatibility) {
    return {"feature_compatibility", Level::kNote, what, "cannot see: the right getParameter is missing",
            "Grant getParameter on the cluster, or ask an administrator (see docs/security.md)."};
  }
  const auto own = major_of(version);
  const auto stored = major_of(*compatibility);
  if (stored == own) return {"feature_compatibility", Level::kOk, what, *compatibility};
  const auto remedy = fmt::format(
      "When no older server is to be used any more: "
      "db.adminCommand({{setFeatureCompatibilityVersion: \"{}.0\"{}}})",
      own, own >= 7 ? ", confirm: true" : "");
  if (stored > own) {
    return {"feature_compatibility", Level::kWarning, what,
            fmt::format("{}, above the server's version {}", *compatibility, version), remedy};
  }
  const bool far = own > stored + 1;
  return {"feature_compatibility", far ? Level::kWarning : Level::kNote, what,
          fmt::format("{}, {} the server's version {}", *compatibility,
                      far ? "more than one major version below" : "below", version),
          remedy};
}

Finding judge_clock(std::int64_t ahead_ms) {
  const auto distance = std::llabs(ahead_ms);
  const auto found = distance < 1000 ? std::string("the same here and on the server")
                                     : fmt::format("the server is {} {} this host",
                                                   format_duration(static_cast<double>(distance) / 1000),
                                                   ahead_ms > 0 ? "ahead of" : "behind");
  Finding out{"clock", Level::kOk, "Clock", found, "", Document{{"server_ahead_ms", ahead_ms}}};
  if (distance > kClockToleranceMs) {
    out.level = Level::kWarning;
    out.remedy = "Set both clocks (NTP): migrating writes the time of this host into documents and ids.";
  }
  return out;
}

Finding judge_topology(const Document& hello) {
  if (text_at(hello, "msg") == "isdbgrid") {
    return {"topology", Level::kNote, "Topology", "sharded cluster, seen through one mongos",
            "Members, oplogs and clients of the other mongos processes cannot be seen from here: look at each shard."};
  }
  const auto set = text_at(hello, "setName");
  if (set.empty()) return {"topology", Level::kOk, "Topology", "standalone server"};
  if (const auto* writable = hello.find("isWritablePrimary"); writable && !writable->truthy()) {
    const auto primary = text_at(hello, "primary");
    return {"topology", Level::kBlocker, "Topology",
            fmt::format("replica set {}, seen through {}, which is not its primary{}", set, text_at(hello, "me"),
                        primary.empty() ? "; there is none" : " (that is " + primary + ")"),
            fmt::format("Nothing can be written there: add replicaSet={} to the URI of the database, and leave out "
                        "directConnection.",
                        set)};
  }
  return {"topology", Level::kOk, "Topology",
          fmt::format("replica set {}, primary {}", set, text_at(hello, "primary"))};
}

Finding judge_members(const Document& status) {
  Finding out{"members", Level::kOk, "Members", ""};
  const auto* value = status.find("members");
  const auto* members = value ? value->as<Array>() : nullptr;
  if (!members) return {"members", Level::kNote, "Members", "the server does not tell"};
  std::optional<std::int64_t> newest;
  for (const auto& item : *members) {
    const auto* member = item.as<Document>();
    if (member && text_at(*member, "stateStr") == "PRIMARY") newest = date_at(*member, "optimeDate");
  }
  std::int64_t bearing = 0;
  std::vector<std::string> lines;
  Array details;
  for (const auto& item : *members) {
    const auto* member = item.as<Document>();
    if (!member) continue;
    const auto state = text_at(*member, "stateStr");
    const bool bears = state == "PRIMARY" || state == "SECONDARY";
    bearing += bears ? 1 : 0;
    const auto optime = bears ? date_at(*member, "optimeDate") : std::nullopt;
    const auto lag = newest && optime ? std::max<std::int64_t>(*newest - *optime, 0) : 0;
    lines.push_back(text_at(*member, "name") + " " + state +
                    (lag >= 1000 ? ", " + format_duration(static_cast<double>(lag) / 1000) + " behind" : ""));
    details.append(Document{{"name", text_at(*member, "name")}, {"state", state}, {"lag_ms", lag}});
    if ((!bears && state != "ARBITER") || lag > kLagMs) out.level = Level::kWarning;
  }
  for (const auto& line : lines) out.found += (out.found.empty() ? "" : "\n") + line;
  out.details = Document{{"members", std::move(details)}};
  const auto needed = integer_at(status, "writeMajorityCount");
  if (bearing < needed) {
    out.level = Level::kBlocker;
    out.remedy = fmt::format("Writes wait for {} members with data and {} can answer: bring the others back first.",
                             needed, bearing);
  } else if (out.level == Level::kWarning) {
    out.remedy = "Bring the members back, and let those that lag catch up, before a large migration.";
  }
  return out;
}

Finding judge_oplog(const OplogFacts& facts) {
  const auto window = facts.last_ms - facts.first_ms;
  Finding out{"oplog",
              Level::kOk,
              "Oplog window",
              format_duration(static_cast<double>(window) / 1000),
              "",
              Document{{"window_ms", window}, {"bytes", facts.bytes}, {"max_bytes", facts.max_bytes}}};
  const bool full =
      facts.max_bytes == 0 || static_cast<double>(facts.bytes) >= kOplogFull * static_cast<double>(facts.max_bytes);
  if (!full) {
    out.found += fmt::format(" so far; {} of {} used", format_bytes(static_cast<std::uint64_t>(facts.bytes)),
                             format_bytes(static_cast<std::uint64_t>(facts.max_bytes)));
  } else if (window < kWindowMs) {
    out.level = Level::kWarning;
    out.found += ", less than 24 hours";
    out.remedy =
        "A migration writes much at once, and a member that falls behind the window has to be copied anew: "
        "db.adminCommand({replSetResizeOplog: 1, size: MEGABYTES})";
  }
  return out;
}

std::vector<Finding> look_at_server(Mongo& mongo) {
  std::vector<Finding> out;
  const auto version = mongo.server_version();
  out.push_back(judge_server(version));
  // What another kind of server does not know, or the user may not see.
  const auto add = [&](const char* id, const char* what, const char* right, const auto& look) {
    try {
      out.push_back(look());
    } catch (const Error& error) {
      if (error.code() == Exit::kUnreachable) throw;
      const bool denied = error.code() == Exit::kRights;
      out.push_back({id, Level::kNote, what,
                     denied ? fmt::format("cannot see: the right {} is missing", right)
                            : fmt::format("cannot see: {}", error.what()),
                     denied ? fmt::format("Grant {}, or ask an administrator (see docs/security.md).", right) : ""});
    }
  };
  add("feature_compatibility", "Feature compatibility", "getParameter on the cluster",
      [&] { return judge_feature_compatibility(mongo.feature_compatibility(), version); });
  const auto hello = mongo.command(Document{{"hello", 1}}, "admin");
  out.push_back(judge_topology(hello));
  if (!text_at(hello, "setName").empty()) {
    add("members", "Members", "replSetGetStatus on the cluster", [&] {
      return judge_members(mongo.command(Document{{"replSetGetStatus", 1}}, "admin"));
    });
    add("oplog", "Oplog window", "find on local.oplog.rs", [&] { return look_at_oplog(mongo); });
  }
  out.push_back(look_at_clock(mongo));
  return out;
}

}  // namespace fm::doctor
