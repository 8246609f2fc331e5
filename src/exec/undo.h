// Takes a run back (rule R7): a journalled run itself.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "exec/batch.h"
#include "exec/give_back.h"
#include "exec/runner.h"

namespace fm {

struct UndoReport {
  std::string run;  // that was taken back
  std::string by;   // the run that did it
  std::size_t datasets = 0;
  bool database = false;  // its version too
  // Of a repair, which edited documents one by one. Those that are back, those
  // that are gone, and those that were changed since, of which `failures` names
  // the first.
  bool repair = false;
  std::int64_t documents = 0;
  std::int64_t gone = 0;
  std::int64_t changed = 0;
  std::vector<std::string> deleted;      // datasets that are gone
  std::vector<DatasetFailure> failures;  // changed since and left as they are, or failed
  double seconds = 0;
  std::string left;  // bookkeeping that the next run has to remove; empty: none
};

class Undo {
 public:
  // Time and seed as for Runner.
  Undo(Mongo& mongo, const Catalogue& catalogue, std::int64_t now_ms, std::string seed, RunSettings settings,
       RunObserver& observer);

  // The run of that id, or the beginning of one; "last" is the newest, or the one
  // whose undo was interrupted. Throws
  // Error(kNotFound), or kUsage when several begin so.
  static RunRecord find(Mongo& mongo, const std::string& run);

  // Of an undo that was killed between its last write and its answer; `run` as for
  // find(): to take it back now would be to take the undo back. Before the lease
  // is taken, which forgets it.
  static std::optional<UndoReport> unsaid(Mongo& mongo, const std::string& run);

  // What Exclusive knows it by.
  static std::string target(const RunRecord& record);

  // The last writes of an undo, the caller's report being right by now. Gives what
  // UndoReport::left tells: all is taken back, and an error would ask to do it again.
  static std::string close(Mongo& mongo, const std::string& run);

  // Throws Error(kPrecondition), before anything is written, when the run was
  // taken back already, when it is an undo and what its run kept is gone, or
  // naming everything that was changed since, unless `skip_changed`: then only where
  // nothing is left to take back. A run of which something was left out can be
  // taken back again. An interrupted run may be given: what it left half-way goes
  // back too. Services go back in the settings' before_writes and after_writes;
  // what they leave (take_left) is a failure like others. `finished`: datasets that
  // finish() has taken back before, of the same undo.
  UndoReport run(const RunRecord& record, bool skip_changed, std::size_t finished = 0);

  // What a killed undo left half-way goes on.
  RunReport finish(const Journal::Unfinished& left, const RunRecord& record);

 private:
  struct Touched {
    bson::Value id;
    std::string name;
    const Route* back;
    // As it was, where versions do not tell whether it is back.
    std::optional<bson::Document> before;
    bool waits;  // something of it, for whoever takes the dataset up
    std::string samples;
  };
  std::vector<Touched> touched(const RunRecord& record);
  // Of those entries that have an image, the way back.
  std::vector<std::pair<Journal::Entry, const Route*>> ways_of(const std::vector<Journal::Entry>& entries,
                                                               const RunRecord& record);
  // `own`: the entries are this undo's; else they are of the run that it takes back.
  void resume(const std::vector<Journal::Entry>& entries, const RunRecord& record,
              std::vector<DatasetFailure>& failures, std::size_t& done, bool own);
  BatchRunner& batches(const RunRecord& record);
  void require_first_run(const RunRecord& record);
  // Those that go back: written by the run, and not back already. Others that it
  // wrote and that are gone, or were taken up by another client, are named in the
  // report. `interrupted`: the run is unfinished.
  // `lifted`: those that are back by another client, while something that they had waits.
  std::vector<BatchRunner::Item> to_take_back(const RunRecord& record, const std::set<std::string>& half_way,
                                              bool interrupted, std::vector<Waiting>& lifted, UndoReport& report);
  // Names them in the report; whether `residue apply` would give anything back.
  bool name_lifted(const std::vector<Waiting>& lifted, UndoReport& report);
  void write(const RunRecord& record, const std::vector<Journal::Entry>& half_way,
             const std::vector<BatchRunner::Item>& unchanged, UndoReport& report);
  void add_left(UndoReport& report);
  // Whether the database's version is to go back; throws when it was changed, or
  // names it in the report.
  bool check_config(const RunRecord& record, bool skip_changed, UndoReport& report);

  Mongo& mongo_;
  const Catalogue& catalogue_;
  RunFacts facts_;
  std::string seed_;
  RunSettings settings_;
  RunObserver& observer_;
  std::unique_ptr<BatchRunner> batches_;
  std::mutex progress_;
};

}  // namespace fm
