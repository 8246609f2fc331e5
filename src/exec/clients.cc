#include "exec/clients.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "base/error.h"
#include "base/text.h"
#include "bson/json.h"
#include "bson/path.h"
#include "bson/read.h"
#include "exec/finding.h"
#include "store/mongo.h"

namespace fm {

using bson::Array;
using bson::Document;

namespace {

// The application name of the SDK's connections; ours is another one.
constexpr const char* kApplication = "fiftyone";
// "client metadata": the server logs it once for each connection.
constexpr std::string_view kMetadataLine = "\"id\":51800,";
constexpr std::string_view kOurs = "\"application\":{\"name\":\"fiftyone-migrator\"}";

std::vector<Document> documents(const Document& reply, const char* path) {
  std::vector<Document> out;
  const auto* value = bson::Path(path).find(reply);
  const auto* list = value ? value->as<Array>() : nullptr;
  if (!list) return out;
  for (const auto& item : *list) {
    if (const auto* doc = item.as<Document>()) out.push_back(*doc);
  }
  return out;
}

// libbson knows the time zone +0000, the server writes +00:00.
std::string with_plain_zone(std::string line) {
  constexpr std::string_view kDate = "{\"t\":{\"$date\":\"";
  const auto end = line.starts_with(kDate) ? line.find('"', kDate.size()) : std::string::npos;
  if (end != std::string::npos && line[end - 3] == ':' && (line[end - 6] == '+' || line[end - 6] == '-')) {
    line.erase(end - 3, 1);
  }
  return line;
}

// When connections were made, as far as the server's last log lines go back.
struct Connecting {
  std::map<std::string, std::int64_t> at;  // by "host:port", the last one of each
  std::optional<std::int64_t> oldest;      // line of the log; nothing where connections are not logged

  void add(const std::string& line) {
    const bool metadata = line.find(kMetadataLine) != std::string::npos;
    if (oldest && !metadata) return;
    const auto doc = bson::from_json(with_plain_zone(line));
    const auto* value = bson::Path("t").find(doc);
    const auto* time = value ? value->as<bson::Date>() : nullptr;
    if (!time) return;
    if (!oldest) oldest = time->ms;
    if (metadata) at[text_at(doc, "attr.remote")] = time->ms;
  }
};

Connecting read_log(Mongo& mongo) {
  Connecting out;
  try {
    const auto reply = mongo.command(Document{{"getLog", "global"}}, "admin");
    const auto* value = reply.find("log");
    const auto* lines = value ? value->as<Array>() : nullptr;
    bool complete = false;  // our own connection is there: a missing line is too old
    for (std::size_t i = 0; lines && i < lines->size(); ++i) {
      const auto* line = (*lines)[i].as<std::string>();
      if (!line) continue;
      complete = complete || line->find(kOurs) != std::string::npos;
      try {
        out.add(*line);
      } catch (const Error&) {
        continue;  // a line that was cut off
      }
    }
    if (!complete) out.oldest.reset();
  } catch (const Error& error) {
    if (error.code() == Exit::kUnreachable) throw;
  }
  return out;
}

}  // namespace

std::string ConnectedClient::text() const {
  std::string out = fmt::format("{}: {} connection{}, {}", host, format_count(connections), connections == 1 ? "" : "s",
                                driver.empty() ? "driver unknown" : driver);
  if (!platform.empty()) out += ", " + platform;
  if (since_ms) out += fmt::format(", since {}{}", at_least ? "before " : "", utc_text(*since_ms));
  return out;
}

Document ConnectedClient::document() const {
  return {{"host", host},
          {"driver", driver},
          {"platform", platform},
          {"connections", connections},
          {"since", since_ms ? bson::Value(bson::Date{*since_ms}) : bson::Value()},
          {"or_earlier", at_least}};
}

std::optional<std::vector<ConnectedClient>> connected_clients(Mongo& mongo) {
  // localOps: on mongos its own clients, which is what counts there.
  const Document current{{"allUsers", true}, {"idleConnections", true}, {"localOps", true}};
  const Document fields{{"client", 1}, {"clientMetadata.driver", 1}, {"clientMetadata.platform", 1}};
  std::vector<Document> connections;
  try {
    connections =
        documents(mongo.command(Document{{"aggregate", 1},
                                         {"pipeline", Array{Document{{"$currentOp", current}},
                                                            Document{{"$match", Document{{"appName", kApplication}}}},
                                                            Document{{"$project", fields}}}},
                                         {"cursor", Document{{"batchSize", 100000}}}},
                                "admin"),
                  "cursor.firstBatch");
  } catch (const Error& error) {
    if (error.code() == Exit::kRights) return std::nullopt;
    throw;
  }
  std::vector<ConnectedClient> out;
  if (connections.empty()) return out;
  const auto log = read_log(mongo);
  std::map<std::tuple<std::string, std::string, std::string>, ConnectedClient> groups;
  for (const auto& connection : connections) {
    const auto remote = text_at(connection, "client");
    const auto name = text_at(connection, "clientMetadata.driver.name");
    const auto version = text_at(connection, "clientMetadata.driver.version");
    ConnectedClient client{remote.substr(0, remote.rfind(':')),
                           name + (version.empty() ? "" : " " + version),
                           text_at(connection, "clientMetadata.platform"),
                           0,
                           std::nullopt,
                           false};
    auto& group = groups.try_emplace({client.host, client.driver, client.platform}, client).first->second;
    ++group.connections;
    const auto found = log.at.find(remote);
    const bool logged = found != log.at.end();
    if (!logged && !log.oldest) continue;
    const auto since = logged ? found->second : *log.oldest;
    if (!group.since_ms || since <= *group.since_ms) {
      group.at_least = !logged;
      group.since_ms = since;
    }
  }
  for (auto& [key, group] : groups) out.push_back(std::move(group));
  return out;
}

std::string notice_clients(Mongo& mongo, bool require_idle) {
  const auto clients = connected_clients(mongo);
  if (!clients) {
    if (!require_idle) return "";
    throw Error(Exit::kPrecondition, "Whether FiftyOne processes are connected cannot be seen; nothing was written",
                "Grant the right inprog on the cluster, or leave --require-idle out.");
  }
  if (clients->empty()) return "";
  std::string text = "FiftyOne processes are connected";
  for (const auto& client : *clients) text += "\n  " + client.text();
  if (!require_idle) return text + "\nA process that holds a dataset open goes on writing in the old way.";
  throw Error(Exit::kPrecondition, text + "\nNothing was written.", "Stop them, or leave --require-idle out.");
}

}  // namespace fm
