#include "store/end_operations.h"

#include <chrono>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "base/error.h"
#include "bson/path.h"
#include "bson/read.h"

namespace fm {

using bson::Array;
using bson::Document;

namespace {

using namespace std::chrono_literals;

// Less than a lease is trusted without being renewed.
constexpr auto kPatience = 8s;
constexpr auto kBetweenLooks = 100ms;
constexpr auto kUnseen = 2s;

// What stands in a database may have been written by anybody, and goes into a pattern.
bool is_name(const std::string& text) {
  const auto& own = MongoDriver::connections();
  const auto program = own.substr(0, own.find(' ') + 1);
  return text.starts_with(program) && text.size() > program.size() &&
         text.find_first_not_of("0123456789abcdef", program.size()) == std::string::npos;
}

// Nothing where the server does not say.
std::optional<std::vector<Document>> connections_named(Mongo& mongo, const std::string& name) {
  for (const bool all_users : {true, false}) {
    // localOps: on mongos what its own clients do.
    const Document current{{"allUsers", all_users}, {"idleConnections", true}, {"localOps", true}};
    const Document named{{"clientMetadata.driver.name", Document{{"$regex", name + "$"}}}};
    const Document fields{{"active", 1}, {"opid", 1}, {"op", 1}, {"ns", 1}};
    try {
      const auto reply =
          mongo.command(Document{{"aggregate", 1},
                                 {"pipeline", Array{Document{{"$currentOp", current}}, Document{{"$match", named}},
                                                    Document{{"$project", fields}}}},
                                 {"cursor", Document{{"batchSize", 10000}}}},
                        "admin");
      std::vector<Document> out;
      const auto* batch = bson::Path("cursor.firstBatch").find(reply);
      for (const auto& item : *batch->as<Array>()) out.push_back(*item.as<Document>());
      return out;
    } catch (const Error& error) {
      if (error.code() != Exit::kRights) throw;
    }
  }
  return std::nullopt;
}

void stop(Mongo& mongo, const bson::Value& operation) {
  try {
    mongo.command(Document{{"killOp", 1}, {"op", operation}}, "admin");
  } catch (const Error& error) {
    // Ended meanwhile, or another user's: the next look tells.
    if (error.code() == Exit::kUnreachable) throw;
  }
}

}  // namespace

void end_operations_of(Mongo& mongo, const std::string& connections) {
  if (!is_name(connections) || connections == MongoDriver::connections()) return;
  const auto end = std::chrono::steady_clock::now() + kPatience;
  bool was_idle = false;
  while (true) {
    const auto found = connections_named(mongo, connections);
    if (!found) return std::this_thread::sleep_for(kUnseen);
    const Document* at_work = nullptr;
    for (const auto& one : *found) {
      const auto* active = one.find("active");
      const auto* operation = one.find("opid");
      if (!active || !active->truthy() || !operation) continue;
      at_work = &one;
      stop(mongo, *operation);
    }
    if (found->empty() || (!at_work && was_idle)) return;
    was_idle = !at_work;
    if (at_work && std::chrono::steady_clock::now() > end) {
      throw Error(Exit::kLocked,
                  "The server is still at work for a run that is gone: " + bson::text_at(*at_work, "op") + " on " +
                      bson::text_at(*at_work, "ns"),
                  "Wait until it has ended, or have it stopped (killOp); then run the same command again.");
    }
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

}  // namespace fm
