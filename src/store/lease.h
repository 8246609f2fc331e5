// The right to write bookkeeping and data: one program at a time.
//
//   migrator.lease  {_id: "lease", owner, host, pid, process, connections, started, expires, ended}
//
// `owner` is drawn by each holder, `process` tells its process from others of
// the same number, times are the server's. An expired lease, and one of a
// process of this machine that is gone, is anybody's, once the server has ended
// what it did over the holder's `connections` (end_operations.h).
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "store/mongo.h"

namespace fm {

// Whose database: what is said about its lease, and the command that frees it.
enum class LeaseOf { kDeployment, kCas };

struct LeaseHolder {
  std::string owner;
  std::string host;
  std::int64_t pid = 0;
  std::string connections;  // MongoDriver::connections()
  std::int64_t started_ms = 0;
  std::int64_t expires_ms = 0;
  std::string ended;  // the run that the holder has brought to its end
  bool expired = false;
  bool gone = false;  // a process of this machine that has ended

  bool live() const { return !expired && !gone; }
};

// Nothing when nobody holds it.
std::optional<LeaseHolder> lease_holder(Mongo& mongo);

// Notes in the lease, which the caller holds, that this run has come to its end: a
// holder that is found gone then left nothing undone. Nothing without a lease.
void note_ended(Mongo& mongo, const std::string& run);

// Takes it from a holder that is no longer there, or with `force` from any.
// False when there was none; throws Error(kLocked) for a live one.
bool release_lease(Mongo& mongo, bool force, LeaseOf of = LeaseOf::kDeployment);

class Lease {
 public:
  // Takes it and renews it from a thread of its own. While it lives, every
  // write of `mongo` is preceded by a look whether it is still held: after ten
  // seconds without a renewal, or once another holds it, writes throw
  // Error(kLocked). Throws Error(kLocked) naming the holder. Three round trips,
  // and one every five seconds; some more after a run that was killed.
  explicit Lease(Mongo& mongo, LeaseOf of = LeaseOf::kDeployment);
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  // Gives it back and leaves no collection behind.
  ~Lease();

 private:
  using Clock = std::chrono::steady_clock;

  bool take(const bson::Document& filter);
  bool renew();
  void keep();
  void check() const;

  Mongo& mongo_;
  std::string owner_;
  std::atomic<Clock::rep> renewed_;
  std::atomic<bool> lost_ = false;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool ending_ = false;
  std::thread renewer_;
};

}  // namespace fm
