#include "store/lease.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "base/machine.h"
#include "base/process.h"
#include "base/text.h"
#include "bson/read.h"
#include "store/end_operations.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

using namespace std::chrono_literals;

constexpr const char* kCollection = "migrator.lease";
constexpr std::int64_t kLifeMs = 15000;
constexpr int kAttempts = 5;
constexpr auto kRenewEvery = 5s;
// Less than a lease lives, so that a write that has begun ends within it.
constexpr auto kTrusted = 10s;

const Document kOne{{"_id", "lease"}};

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Process numbers mean something only within one start of the machine and one
// space of processes.
std::string machine() {
  std::error_code ignored;
  return first_line("/proc/sys/kernel/random/boot_id") + " " +
         std::filesystem::read_symlink("/proc/self/ns/pid", ignored).string();
}

std::string process_of(std::int64_t pid) { return machine() + " " + process_start(pid); }

// Of a process of this machine; of another one nobody can tell.
bool is_gone(std::int64_t pid, const std::string& process) {
  const auto here = machine();
  if (here.size() <= 1 || !process.starts_with(here + " ")) return false;
  return kill(static_cast<pid_t>(pid), 0) != 0 ? errno == ESRCH : process_of(pid) != process;
}

Document expiry() { return {{"$add", Array{"$$NOW", kLifeMs}}}; }

Error locked(const LeaseHolder& holder, LeaseOf of) {
  const bool cas = of == LeaseOf::kCas;
  return {Exit::kLocked,
          std::string("Another run works on ") + (cas ? "the database of cas" : "this database") + ": process " +
              std::to_string(holder.pid) + " on host " + holder.host + ", since " + utc_text(holder.started_ms),
          std::string("Wait until it has ended. If you are sure that it is gone: fiftyone-migrator lock release") +
              (cas ? " --cas" : "") + " --force"};
}

}  // namespace

std::optional<LeaseHolder> lease_holder(Mongo& mongo) {
  std::optional<LeaseHolder> out;
  const Document shown{{"$addFields", Document{{"expired", Document{{"$lte", Array{"$expires", "$$NOW"}}}}}}};
  const auto take = [&](bson::View view) {
    const auto doc = view.decode();
    const auto* expired = doc.find("expired");
    LeaseHolder holder{text_at(doc, "owner"),
                       text_at(doc, "host"),
                       integer_at(doc, "pid"),
                       text_at(doc, "connections"),
                       date_at(doc, "started").value_or(0),
                       date_at(doc, "expires").value_or(0),
                       text_at(doc, "ended")};
    holder.expired = expired && expired->truthy();
    holder.gone = is_gone(holder.pid, text_at(doc, "process"));
    if (!holder.owner.empty()) out = std::move(holder);
  };
  try {
    mongo.aggregate(kCollection, Array{Document{{"$match", kOne}}, shown}, take);
  } catch (const Error& error) {
    // Given back while it was read.
    if (std::string_view(error.what()).find("collection dropped") == std::string_view::npos) throw;
  }
  return out;
}

void note_ended(Mongo& mongo, const std::string& run) {
  mongo.update(kCollection, {{kOne, Document{{"$set", Document{{"ended", run}}}}}});
}

bool release_lease(Mongo& mongo, bool force, LeaseOf of) {
  const auto holder = lease_holder(mongo);
  if (!holder) return false;
  if (holder->live() && !force) throw locked(*holder, of);
  if (!holder->live()) end_operations_of(mongo, holder->connections);
  return mongo.remove_where(kCollection, Document{{"_id", "lease"}, {"owner", holder->owner}}) > 0;
}

Lease::Lease(Mongo& mongo, LeaseOf of)
    : mongo_(mongo), owner_(to_hex(random_bytes(16))), renewed_(Clock::now().time_since_epoch().count()) {
  const Document unowned{{"_id", "lease"}, {"owner", Document{{"$exists", false}}}};
  for (int attempt = 1;; ++attempt) {
    mongo_.insert(kCollection, {Document{{"_id", "lease"}, {"expires", bson::Date{0}}}});
    if (take(unowned)) break;
    const auto holder = lease_holder(mongo_);
    if (holder && holder->live()) throw locked(*holder, of);
    if (holder) {
      end_operations_of(mongo_, holder->connections);
      if (take(Document{{"_id", "lease"}, {"owner", holder->owner}})) break;
    }
    // It was given back, or taken, between two looks.
    if (attempt == kAttempts) throw locked(holder.value_or(LeaseHolder{}), of);
  }
  mongo_.at_writes([this] { check(); });
  const std::lock_guard lock(mutex_);  // the thread waits until it has a name
  renewer_ = std::thread([this] { keep(); });
}

Lease::~Lease() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  ended_.notify_all();
  renewer_.join();
  mongo_.at_writes({});
  try {
    // Nobody else has it for as long as it lives from now on.
    if (renew()) mongo_.drop(kCollection);
  } catch (const std::exception&) {
    // It expires by itself.
  }
}

bool Lease::take(const Document& filter) {
  const auto pid = static_cast<std::int64_t>(getpid());
  const auto literal = [](const Value& value) { return Document{{"$literal", value}}; };
  const Document holder{{"_id", "lease"},
                        {"owner", literal(owner_)},
                        {"host", literal(host_name())},
                        {"pid", literal(pid)},
                        {"process", literal(process_of(pid))},
                        {"connections", literal(MongoDriver::connections())},
                        {"started", "$$NOW"},
                        {"expires", expiry()}};
  const auto asked = Clock::now();
  if (mongo_.update_many(kCollection, filter, Array{Document{{"$replaceWith", holder}}}, false).matched == 0)
    return false;
  renewed_ = asked.time_since_epoch().count();
  return true;
}

bool Lease::renew() {
  const auto asked = Clock::now();
  const Document mine{{"_id", "lease"}, {"owner", owner_}};
  const auto changed =
      mongo_.update_many(kCollection, mine, Array{Document{{"$set", Document{{"expires", expiry()}}}}}, false);
  if (changed.matched == 0) return false;
  renewed_ = asked.time_since_epoch().count();
  return true;
}

void Lease::keep() {
  std::unique_lock lock(mutex_);
  while (!ended_.wait_for(lock, kRenewEvery, [this] { return ending_; })) {
    lock.unlock();
    try {
      if (!renew()) lost_ = true;
    } catch (const std::exception&) {
      // The next turn tries again; writes stop before the lease is another's.
    }
    lock.lock();
  }
}

void Lease::check() const {
  if (std::this_thread::get_id() == renewer_.get_id()) return;
  const Clock::time_point renewed{Clock::duration(renewed_.load())};
  if (!lost_ && Clock::now() - renewed < kTrusted) return;
  throw Error(Exit::kLocked,
              lost_ ? "Another run has taken over this database"
                    : "The server could not be reached for too long to be sure that no other run has begun",
              "Run the same command again: it goes on where this one stopped.");
}

}  // namespace fm
