#include "exec/exclusive.h"

#include <algorithm>

#include "base/error.h"
#include "base/machine.h"
#include "exec/history.h"
#include "exec/residue.h"
#include "exec/restore_mark.h"
#include "exec/rights.h"

namespace fm {

std::size_t Exclusive::finish_interrupted(const Catalogue& catalogue, RunSettings settings, RunObserver& observer,
                                          DatabaseHeads& found) {
  refuse_while_restoring(mongo_);
  if (!Journal(mongo_).unfinished()) return 0;
  require_rights(mongo_);
  if (!lease_) lease_ = std::make_unique<Lease>(mongo_);
  // Whoever held the lease may have ended meanwhile.
  left_ = Journal(mongo_).unfinished();
  if (!left_) {
    found = read_heads(mongo_);
    return 0;
  }
  finished_.run = left_->run;
  finished_.undo_log = settings.undo_log;
  const auto report =
      Runner(mongo_, catalogue, left_->now_ms, left_->seed, std::move(settings), observer).roll_forward(*left_);
  if (!report.failures.empty()) throw report.failures.front().error;
  moved_since_ = left_->undoes.empty() && Residue(mongo_).moved_since(left_->run);
  found = read_heads(mongo_);
  finished_.datasets_done = report.datasets_done;
  return report.datasets_done;
}

bool Exclusive::goes_on(const Plan& plan) const {
  return left_ && !moved_since_ && left_->target == plan.target && left_->request == request_;
}

Exclusive::Drawn Exclusive::draw(const Plan& plan) {
  if (goes_on(plan)) return {left_->now_ms, left_->seed};
  if (!now_ms_) {
    now_ms_ = clock_ms();
    seed_ = random_bytes(16);
  }
  return {*now_ms_, seed_};
}

Runner Exclusive::runner(const Plan& plan, const Catalogue& catalogue, RunSettings settings, RunObserver& observer) {
  settings.request = request_;
  const auto drawn = draw(plan);
  return {mongo_, catalogue, drawn.now_ms, drawn.seed, std::move(settings), observer};
}

void Exclusive::hold() {
  refuse_while_restoring(mongo_);
  if (!lease_) lease_ = std::make_unique<Lease>(mongo_);
}

void Exclusive::take(const DatabaseHeads& found) {
  if (lease_) return;
  lease_ = std::make_unique<Lease>(mongo_);
  refuse_while_restoring(mongo_);
  if (same_heads(found, read_heads(mongo_))) return;
  throw Error(Exit::kMismatch, "The database has moved since it was planned; nothing was written",
              "Run the same command again.");
}

RunReport Exclusive::nothing_left(const Plan& plan) {
  if (!left_) return {};
  const bool own = goes_on(plan);
  if (own) History(mongo_).end(left_->run, {"done", 0, {}, {}, 0});
  Journal(mongo_).end();
  return own ? finished_ : RunReport();
}

std::string request_text(std::vector<std::string> names, bool undo_log) {
  std::sort(names.begin(), names.end());
  std::string out = undo_log ? "" : "undo log off\n";
  for (const auto& name : names) out += name + "\n";
  return out;
}

}  // namespace fm
