// What has been done to this database, in `migrator.history`: it is read by
// people and never decides what a run does.
//
//   {_id: RUN, kind, state, command, tool, user, host, pid, started, ended, seconds, attempts, from, to,
//    ways: [{from, to, datasets}], datasets: {planned, done, refused, failed}, losses, error, failures, ...}
//   {_id: {run, scope, revision, direction}, title, checksum, datasets, state, started, ended}
//
// `state` is running, done, failed, interrupted or undone. Who writes holds the
// lease, so a document that says running and is not of the holder's run was left
// by one that was killed.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "exec/heads.h"
#include "exec/report.h"
#include "plan/plan.h"
#include "store/mongo.h"

namespace fm {

// "20261125-203815-k7x2": when it was begun (UTC; milliseconds as two letters),
// and two letters of its seed. Sorts by time. Made of what is journalled, so a run that goes on has its
// own again.
std::string run_id(std::int64_t now_ms, const std::string& seed);

// Who asks for a run, in words.
struct RunOrigin {
  std::string command;  // as typed, without secrets
  std::string tool;     // program and version
};

struct RunStart {
  std::string run;
  std::string kind;  // "migrate", "undo", "restore", "repair", ...
  RunOrigin origin;
  std::string from;  // version of the database; empty where it has none
  std::string to;
  std::int64_t planned = 0;  // datasets
  struct Way {
    std::string from;
    std::string to;
    std::int64_t datasets = 0;
  };
  std::vector<Way> ways;
  struct Step {
    const Revision* revision;
    Direction direction;
    std::string scope;  // "database" or "datasets"
    std::int64_t datasets = 0;
  };
  std::vector<Step> steps;
  bson::Document details = {};  // further keys, shown as they stand: {undoes: RUN}
};
RunStart start_of_migration(std::string run, RunOrigin origin, const Plan& plan, const Heads& heads);

struct RunEnd {
  std::string state;  // "done", "failed", "interrupted"
  std::int64_t done = 0;
  std::vector<DatasetFailure> failures;
  std::vector<Tally> losses;
  double seconds = 0;
  std::optional<Error> error = std::nullopt;
  bson::Document details = {};  // further keys
};
// How a run that ended with this error is called.
std::string state_after(const Error& error);
// Notes that a run ended with `error`. Where it cannot, the next run tells; what
// goes wrong here does not hide the error.
void note_end(const Error& error, const std::function<void()>& note);

class History {
 public:
  static constexpr const char* kCollection = "migrator.history";

  explicit History(Mongo& mongo) : mongo_(mongo) {}

  // Three writes. A run that is there already goes on: it keeps its start and
  // counts one more attempt. Others that say running are marked interrupted.
  void begin(const RunStart& start);
  // Adds to what earlier attempts counted. One read, two writes. False when the
  // run was not begun.
  bool end(const std::string& run, const RunEnd& end);
  // Of a run that did not say how far it came: that many datasets were written.
  void note_done(const std::string& run, std::int64_t datasets);
  // Without `by`: its undo was taken back, and it is what it was.
  void undone(const std::string& run, const std::optional<std::string>& by);
  // What became of one of the run's services: an entry of `services`, which the
  // details of its start hold.
  void note_service(const std::string& run, const std::string& service, const bson::Document& fields);

  // Newest first.
  std::vector<bson::Document> runs();
  // By the beginning of its id. Throws Error(kNotFound) with the nearest ids,
  // Error(kUsage) when several begin so.
  bson::Document find(const std::string& prefix);
  // Of a run: its documents of revisions, in the order they were run.
  std::vector<bson::Document> revisions(const std::string& run);

 private:
  Mongo& mongo_;
};

}  // namespace fm
