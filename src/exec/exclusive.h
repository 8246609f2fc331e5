// The right to write, and what an earlier run has left (rule E8).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "exec/heads.h"
#include "exec/journal.h"
#include "exec/runner.h"
#include "store/lease.h"

namespace fm {

// A command that writes goes through this, and is refused (kPrecondition) while a
// restore is half done: first what an interrupted run left is
// brought to that run's target, then a plan is made, then it is run.
class Exclusive {
 public:
  // `request` says what the command is about apart from the target: runs with
  // equal targets and requests are one run.
  // `lease`: where it is held already.
  Exclusive(Mongo& mongo, std::string request, std::unique_ptr<Lease> lease = nullptr)
      : mongo_(mongo), request_(std::move(request)), lease_(std::move(lease)) {}

  // Reads the journal. If a run was left, takes the lease, finishes the datasets
  // it had under way, and reads `found` again; how many there were. Throws Error:
  // kRights, kLocked, or that of a dataset that cannot be finished.
  std::size_t finish_interrupted(const Catalogue& catalogue, RunSettings settings, RunObserver& observer,
                                 DatabaseHeads& found);

  // What a plan is run with. Where it goes on with the interrupted run, that
  // one's time and seed, so that the result is that of a run never interrupted.
  Runner runner(const Plan& plan, const Catalogue& catalogue, RunSettings settings, RunObserver& observer);

  // The same time and seed, for what is run beside a plan.
  struct Drawn {
    std::int64_t now_ms = 0;
    std::string seed;
  };
  Drawn draw(const Plan& plan);

  // Takes the lease unless it is held.
  void hold();
  // Before the first write of a plan: takes the lease unless it is held. Throws
  // Error(kMismatch) when somebody has moved a dataset since `found` was read.
  void take(const DatabaseHeads& found);

  // The plan has nothing to do: the interrupted run is over. What was finished of
  // it, where the command is its own.
  RunReport nothing_left(const Plan& plan);

 private:
  bool goes_on(const Plan& plan) const;

  Mongo& mongo_;
  std::string request_;
  std::unique_ptr<Lease> lease_;
  std::optional<Journal::Unfinished> left_;
  // Another client has moved what that run, no undo, had written: what it kept of it
  // stays, and to write it once more is another run.
  bool moved_since_ = false;
  // Drawn for a plan that begins.
  std::optional<std::int64_t> now_ms_;
  std::string seed_;
  RunReport finished_;  // by finish_interrupted()
};

// What a command is about, for Exclusive. A run keeps everything that it writes, or
// nothing: with another undo log it is another run.
std::string request_text(std::vector<std::string> names, bool undo_log = true);

}  // namespace fm
