#include "exec/control.h"

#include <algorithm>
#include <csignal>
#include <set>
#include <thread>

#include "base/text.h"
#include "bson/read.h"

namespace fm {

using bson::Array;
using bson::Document;

namespace {

using namespace std::chrono_literals;

constexpr auto kNap = 50ms;
constexpr auto kLookEvery = 1s;
constexpr const char* kResume = "The same command goes on where this one stopped.";

enum MemberState { kPrimary = 1, kSecondary = 2, kRecovering = 3 };

// Members that are behind on purpose.
std::set<std::string> delayed_members(Mongo& mongo) {
  std::set<std::string> out;
  const auto reply = mongo.command(Document{{"replSetGetConfig", 1}}, "admin");
  const auto* config = reply.find("config");
  if (!config || !config->as<Document>()) return out;
  for (const auto& one : array_at(*config->as<Document>(), "members")) {
    const auto* member = one.as<Document>();
    if (!member) continue;
    if (bson::integer_at(*member, "secondaryDelaySecs") > 0) out.insert(bson::text_at(*member, "host"));
  }
  return out;
}

struct Lag {
  std::string member;
  std::int64_t ms = 0;
};

// That of the secondary that is furthest behind; members that are down or do
// not follow are left out: waiting does not help them.
Lag worst_lag(Mongo& mongo, const std::set<std::string>& delayed) {
  const auto reply = mongo.command(Document{{"replSetGetStatus", 1}}, "admin");
  std::int64_t newest = 0;
  for (const auto& one : array_at(reply, "members")) {
    const auto* member = one.as<Document>();
    if (member) newest = std::max(newest, bson::date_at(*member, "optimeDate").value_or(0));
  }
  Lag out;
  for (const auto& one : array_at(reply, "members")) {
    const auto* member = one.as<Document>();
    if (!member) continue;
    const auto state = bson::integer_at(*member, "state");
    const auto name = bson::text_at(*member, "name");
    const auto at = bson::date_at(*member, "optimeDate");
    if ((state != kSecondary && state != kRecovering) || !at || delayed.contains(name)) continue;
    if (newest - *at > out.ms) out = {name, newest - *at};
  }
  return out;
}

// In the server's words, where it is no member of a replica set.
std::optional<std::string> no_replica_set(Mongo& mongo) {
  try {
    worst_lag(mongo, {});
    return std::nullopt;
  } catch (const Error& error) {
    if (error.code() == Exit::kRights) {
      throw Error(Exit::kRights,
                  "--max-lag cannot see how far the secondaries of the server of '" + mongo.database() +
                      "' are: " + std::string(error.what()),
                  "Give the user the role clusterMonitor, or leave --max-lag out.");
    }
    if (error.code() != Exit::kFailed) throw;
    return error.what();
  }
}

}  // namespace

Control::Control(Mongo& mongo, Limits limits, Asked asked, Notice notice)
    : watched_{&mongo},
      limits_(limits),
      asked_(std::move(asked)),
      notice_(std::move(notice)),
      start_(Clock::now()),
      free_(start_),
      next_look_(start_) {
  if (!limits_.max_lag) return;
  if (const auto why = no_replica_set(mongo)) {
    throw Error(Exit::kPrecondition, "--max-lag needs a replica set, and this server is not a member of one: " + *why,
                "Leave --max-lag (FIFTYONE_MIGRATOR_MAX_LAG) out.");
  }
}

void Control::watch(Mongo& other) {
  if (!limits_.max_lag) return;
  if (no_replica_set(other)) {
    notice_("--max-lag does not hold for '" + other.database() + "': its server has no secondaries");
  } else {
    watched_.push_back(&other);
  }
}

void Control::stop_if_asked() const {
  stop_on(asked_ ? asked_() : std::nullopt);
  if (limits_.max_time && Clock::now() - start_ >= std::chrono::seconds(*limits_.max_time)) {
    throw Error(Exit::kPending, "Stopped after " + format_duration(*limits_.max_time) + ", as --max-time says",
                kResume);
  }
}

void Control::checkpoint() {
  stop_if_asked();
  if (limits_.max_lag) wait_for_secondaries();
}

void Control::wait_for_secondaries() {
  // The others have to wait too.
  const std::lock_guard lock(mutex_);
  if (Clock::now() < next_look_) return;
  bool told = false;
  for (;;) {
    Lag lag;
    for (auto* mongo : watched_) {
      if (auto one = worst_lag(*mongo, delayed_members(*mongo)); one.ms > lag.ms) lag = std::move(one);
    }
    next_look_ = Clock::now() + kLookEvery;
    if (lag.ms <= *limits_.max_lag * std::int64_t{1000}) break;
    if (!told) {
      notice_("Waiting for " + lag.member + ", which is " + format_duration(static_cast<double>(lag.ms) / 1000) +
              " behind");
      told = true;
    }
    sleep_until(next_look_);
  }
  if (told) notice_("The secondaries have caught up");
}

void Control::wrote(std::int64_t documents) {
  if (!limits_.rate || documents <= 0) return;
  Clock::time_point until;
  {
    const std::lock_guard lock(mutex_);
    const std::chrono::duration<double> cost(static_cast<double>(documents) / *limits_.rate);
    free_ = std::max(free_, Clock::now()) + std::chrono::duration_cast<Clock::duration>(cost);
    until = free_;
  }
  sleep_until(until);
}

void Control::sleep_until(Clock::time_point time) const {
  while (Clock::now() < time) {
    stop_if_asked();
    std::this_thread::sleep_for(std::min<Clock::duration>(kNap, time - Clock::now()));
  }
}

std::int64_t Control::piece(std::int64_t most) const {
  return limits_.rate ? std::clamp<std::int64_t>(*limits_.rate, 1, most) : most;
}

void stop_on(std::optional<int> signal) {
  if (!signal) return;
  const bool interrupt = *signal == SIGINT;
  throw Error(interrupt ? Exit::kInterrupted : Exit::kTerminated,
              interrupt ? "Interrupted" : "Stopped by the signal to terminate", kResume);
}

bool is_stop(Exit code) { return code == Exit::kInterrupted || code == Exit::kTerminated || code == Exit::kPending; }

bool is_lost(const Error& error) { return error.code() == Exit::kUnreachable || error.code() == Exit::kLocked; }

bool ends_the_run(const Error& error) { return is_lost(error) || is_stop(error.code()); }

}  // namespace fm
