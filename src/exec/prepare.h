// One dataset document taken through all its revisions in memory (rule E2).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bson/document.h"
#include "exec/members.h"
#include "exec/ranges.h"
#include "exec/residue.h"
#include "ops/context.h"
#include "ops/lowered.h"
#include "plan/plan.h"

namespace fm {

class DatasetReplay;

// What does not depend on one dataset.
struct RunFacts {
  std::int64_t now_ms = 0;
  ops::IdGenerator ids;
  // Names chosen for datasets without a slug, by encoded _id.
  std::map<std::string, ops::Naming> namings;
  std::string run;       // its id
  std::int64_t seq = 0;  // in the undo log
};
// Those of a new run.
RunFacts facts_of(std::int64_t now_ms, const std::string& seed);

std::string id_key(const bson::Value& id);
// The name for messages: "None" where there is none, as the original prints it.
std::string shown_name(const bson::Document& dataset);
// The version as a route names it: "0.0" where there is none.
std::string version_of(bson::View dataset);

// Passes that an earlier attempt has done, by key, and the one it was in.
struct Passed {
  std::set<std::string> whole;
  std::string at;  // key of the pass that `cursor` belongs to
  std::optional<PassCursor> cursor;

  bool contains(const std::string& pass) const { return whole.contains(pass); }
  void insert(const std::string& pass) { whole.insert(pass); }
  std::optional<PassCursor> cursor_of(const std::string& pass) const { return pass == at ? cursor : std::nullopt; }
};

// The result: metadata as they will be, and what happens elsewhere. Nothing
// has been written.
struct Prepared {
  bson::Value id;
  std::string name;
  bson::Bytes before;  // with the version it really has
  bson::Document after;
  const Route* route = nullptr;
  ops::Context context;
  std::vector<ops::Pass> passes;
  bool parked = false;       // by an earlier attempt of this run
  Passed done;               // by an earlier attempt
  bson::Array old_files;     // GridFS files that an earlier attempt copied
  bool renew_image = false;  // documents elsewhere changed after an earlier attempt kept their image

  // What came back from the undo log on the way up (rule R3).
  struct Restored {
    std::string run;  // whose image it came from
    std::string revision;
    std::vector<std::string> values;  // dotted paths
    std::vector<std::string> kept;    // edited since: those of the dataset stay
  };
  std::vector<Restored> restored = {};
  // Samples and frames to restore after the passes.
  std::vector<MemberRestore> members = {};
  // Undo: revisions of images that are spent, and that may be restored again.
  std::vector<Image::Consumed> closes = {};
  std::vector<Image::Consumed> opens = {};
  // Undo: files that the run copied, also where it was cut off before any run named them.
  std::vector<bson::Value> copied_files = {};
  // Undo: the works over collections that go back, for a look at later edits.
  struct TakenBack {
    std::string run;
    std::int64_t now_ms = 0;
    std::vector<ops::CollectionWork> works;
  };
  TakenBack taken_back = {};

  // Collections beside the dataset document are touched: it has to be parked.
  bool complex() const;
};

struct PrepareSources {
  bool record_displaced = false;
  ops::References::Fetch fetch;
  std::function<bool(const bson::Value& file, const std::string& key)> file_has_key;
  // What is not there needs no pass; without it all are.
  std::function<bool(const std::string& collection)> has_collection = {};
};

// `after` is what `dataset` decodes to. On the way up the replays, newest first,
// give back what ways down displaced. Throws Error: kPrecondition when a guard
// refuses, others for documents no operation can work on.
Prepared prepare(bson::Bytes dataset, bson::Document after, const Route& route, const RunFacts& facts,
                 const PrepareSources& sources, const std::vector<DatasetReplay>* replays = nullptr);

// Throws Error(kPrecondition) for a result that the server would refuse when the
// samples are done already.
void check_size(const Prepared& dataset);

// The steps of a revision in the direction of the route.
const ops::Steps& steps_of(const Revision& revision, Direction direction);

}  // namespace fm
