// A group of datasets on its way: read, prepared, written with few round trips.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "exec/collection_names.h"
#include "exec/journal.h"
#include "exec/prepare.h"
#include "exec/ranges.h"
#include "exec/report.h"
#include "exec/residue.h"
#include "exec/result_keys.h"
#include "exec/take_back.h"
#include "exec/world.h"
#include "store/mongo.h"

namespace fm {

struct BatchSettings {
  // Keep what operations displace (for counting losses).
  bool record_displaced = false;
  // Keep what is written as it was (rules R1, R2), and leave GridFS files.
  bool undo_log = false;
  // The run to take back: items then go back by it instead of their routes.
  std::optional<RunRecord> undo = std::nullopt;
  // Items stay at their version, and what waits in the undo log comes back (rule R5).
  bool give_back = false;
  PassSettings passes;
};

// Thread-safe: every call works on datasets of its own.
class BatchRunner {
 public:
  BatchRunner(Mongo& mongo, const Catalogue& catalogue, const RunFacts& facts, BatchSettings settings);

  struct Result {
    const Route* route = nullptr;
    bson::Value id;
    std::string name;
    std::vector<ops::Message> messages;
    std::vector<ops::Displaced> displaced;
    std::vector<ops::Pass> passes;  // survey only
    std::optional<Error> failure;
    bool gone = false;  // deleted meanwhile: no failure
    // What came back from the undo log, and what could not: revision and path.
    std::vector<std::pair<std::string, std::string>> restored;
    std::vector<std::pair<std::string, std::string>> kept;
    std::vector<Touched> touched = {};  // survey only: without those of passes and files
    bson::Array files = {};             // survey only: results of runs that are copied
    // Survey of an undo or of what is given back: samples and frames.
    MemberCount members = {};
    bool closes = false;  // an image of another run has given all it had of some revision
  };
  struct Item {
    bson::Value id;
    const Route* route;
  };

  // Takes the items through memory and writes nothing: guards, losses, passes.
  // Results that need nothing but a replace are kept (up to a bound of bytes)
  // and spare run() the work.
  void survey(const std::vector<Item>& items, const std::function<void(Result)>& done);
  // Whether datasets may be refused for what their collections are.
  bool has_views() const { return collections_.has_views(); }
  // What survey() kept is no longer right.
  void forget_survey();

  // What run() will have to do with a dataset, as survey() has found.
  enum class Load {
    kReady,    // one guarded replace
    kRefers,   // documents beside it too: a dozen round trips, the same for hundreds
    kUnknown,  // its samples or frames too; or survey() has not seen it
  };
  Load load(const Item& item);

  // Throws Error(kPrecondition) where the way is by other revisions than those that the
  // run began with: of a document half-way nobody could tell which it has seen.
  static void require_revisions(const Journal::Entry& entry, const Route& route);
  // Takes datasets that a killed run left parked to their target (rule E8), and
  // does what was left to do of others. RunFacts are those of that run. `own`: the
  // entries are of the run that goes on, and not of one that it takes back. Throws as
  // require_revisions(), before it writes.
  void resume(const std::vector<std::pair<Journal::Entry, const Route*>>& entries,
              const std::function<void(Result)>& done, bool own = true);

  // The way back through the run of an image; valid as long as this is.
  const Route* way_back(const Image& image);

  // Writes (rules E3 to E7).
  void run(const std::vector<Item>& items, const std::function<void(Result)>& done);

 private:
  struct Ready {
    Result result;
    bson::Bytes before;
    bson::Bytes after;
    bool named;  // its name was chosen among those of others: `after` follows from `before` and more
  };
  void keep(Prepared& dataset, const Result& result);
  // What becomes of samples and frames; throws Error(kPrecondition) for an undo
  // that would change what was edited since.
  MemberCount look_at_members(const Prepared& dataset);
  // Writes what survey() has made ready; gives the items that are left.
  std::vector<Item> run_ready(const std::vector<Item>& items, const std::function<void(Result)>& done);

  struct Read {
    bson::Bytes dataset;
    const Route* route;
    bool parked = false;
    Passed done = {};
    bson::Array files = {};
    bool renew_image = false;
  };
  using Group = std::vector<Read>;
  // Datasets, by index into a group, that were not as read: as they are now, or
  // nothing for deleted ones.
  using Changes = std::vector<std::pair<std::size_t, std::optional<bson::Document>>>;
  using Handle = std::function<void(std::vector<Prepared>, std::vector<Result>)>;

  // Reads the items in groups bounded by bytes and prepares them.
  void each_group(const std::vector<Item>& items, const Handle& handle, const std::function<void(Result)>& done);
  void prepare_group(const Group& group, std::vector<Prepared>& prepared, std::vector<Result>& failed);
  // The images that ways up of the group may restore from, by encoded _id.
  std::map<std::string, std::vector<DatasetReplay>> replays_of(const Group& group, const PrepareSources& sources);
  const RunRecord* run_record(const std::string& run);
  const Route& route_of(const Image& image);
  // Before datasets are written: the undo log; without one, what older logs
  // hold for the same revisions is given up.
  void keep_images(const std::vector<Prepared*>& group);
  // Undo: what take_back() needs, by encoded _id.
  struct WayBack {
    RunImage run;
    std::optional<RunImage> origin;
    bool forward = false;
  };
  std::map<std::string, WayBack> ways_back(const Group& group);
  // Whose passes are to be run. Throws Error(kPrecondition) for a dataset that an
  // import has replaced, and for an undo that is taken back where what that run kept
  // is gone: samples would stay as they are.
  const RunImage& origin_of(const WayBack& way, const bson::Document& dataset) const;
  std::vector<ops::CollectionWork> works_of(const std::vector<Prepared*>& group) const;
  // Those of which it cannot be kept what becomes of their samples and frames.
  std::vector<std::pair<Prepared*, Error>> keep_group_members(const std::vector<Prepared*>& group);
  void supersede(const std::map<const Route*, bson::Array>& ids);
  // Images of earlier ways down that a new one supersedes (rule R4), by encoded _id.
  std::map<std::string, std::vector<Image::Consumed>> older_images(const std::map<const Route*, bson::Array>& datasets);
  Image image_of(const Prepared& dataset) const;
  Image image_of(const Route& route, const bson::Value& id, const std::string& name, const bson::Bytes& before) const;
  // After the switch: what was restored is no longer open.
  void settle_images(const std::vector<Prepared*>& switched);
  void leave_out_idle_passes(std::vector<Prepared>& group);
  void refuse_views(std::vector<Prepared>& prepared, std::vector<Result>& failed);
  void refuse_ids_without_time(std::vector<Prepared>& prepared, std::vector<Result>& failed);

  void write_group(std::vector<Prepared> group, const std::function<void(Result)>& done, int attempt);
  // False where a document was no longer as it was read, and stays.
  bool add(const std::vector<Prepared*>& group);
  void run_shared_passes(const std::vector<Prepared*>& group);
  void run_passes(Prepared& dataset);
  // Neither an undo nor giving back.
  bool plain_way() const { return !settings_.undo && !settings_.give_back; }
  void checkpoint() const;
  void wrote(std::size_t documents) const;
  void clean(const std::vector<Prepared*>& group);
  // The same of a dataset that was switched before: only its entry tells.
  void delete_left(const Journal::Entry& entry, std::vector<ops::Message>& messages);
  // What was done elsewhere for a dataset that is gone is taken back.
  void forget(Prepared& dataset);
  // Replaces guarded by the content that was read.
  Changes replace(const std::vector<Prepared*>& group, bool parked);
  Changes park(const std::vector<Prepared*>& group);
  // Of a group that was not written as a whole: those that are not what `updates` made of them.
  Changes changed(const std::vector<Prepared*>& group, const std::vector<Update>& updates);
  // Whether a dataset that is not as it was read was replaced all the same: it is
  // what was written, or was edited, or loaded, since.
  static bool was_written(const bson::Document& now, const bson::Bytes& before, const bson::Bytes& written,
                          const Route& route);
  // Of the documents elsewhere the `wanted` ones as they are now, by collection and
  // encoded _id.
  using Others = std::map<std::pair<std::string, std::string>, bson::Bytes>;
  using Wanted = bool (*)(const ops::References::Entry&);
  Others references_now(const std::vector<Prepared*>& group, Wanted wanted);
  static bool is_changed(const ops::References::Entry& entry) { return entry.before && !(entry.before == entry.after); }
  static bool is_deleted(const ops::References::Entry& entry) { return entry.before && !entry.after; }
  // Whether they are as they were read, or as they will be.
  static bool references_hold(const Prepared& dataset, const Others& now);

  Mongo& mongo_;
  const RunFacts& facts_;
  BatchSettings settings_;
  Journal journal_;
  Residue residue_;
  const Catalogue& catalogue_;
  CollectionNames collections_;
  std::mutex runs_mutex_;
  std::map<std::string, std::optional<RunRecord>> runs_;         // that images are of
  std::map<std::pair<std::string, std::string>, Route> routes_;  // of images, by versions
  std::map<std::string, Route> ways_back_;
  std::mutex ready_mutex_;
  std::unordered_map<std::string, Ready> ready_;  // by id_key
  std::size_t ready_bytes_ = 0;
  std::unordered_set<std::string> light_;  // by id_key
  ResultKeys result_keys_;
};

}  // namespace fm
