// The journal of the run under way, in `migrator.journal`.
//
//   {_id: "run", run, undoes, target, request, plan, own: [{id, checksum}], now, seed, host, pid}
//   {_id: {dataset: <_id>}, name, from, to, revisions, done: [passes], cursor: {pass, from, done},
//   deletes: {collection: [ids]}, sums: {collection: [SHA-256]}, files: [<GridFS ids>], naming: {name, slug, was}}
//
// The run's document is written before anything else and removed when the run
// has succeeded; a dataset's entry lives while the dataset is parked (rules E1,
// E4). `from` is the version it really has, `revisions` a hash of those of its way;
// `sums` are of the documents to delete, in their order, as the dataset took them in;
// `naming` was chosen among the names of all datasets, and the one who goes on does
// not choose again. `own`: exec/own_revisions.h.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "exec/prepare.h"
#include "store/mongo.h"

namespace fm {

// Of a document that is to be deleted.
std::string sum_of(const bson::Bytes& document);

// What a pass is called in the journal.
std::string pass_key(const ops::Pass& pass);

class Journal {
 public:
  static constexpr const char* kCollection = "migrator.journal";

  explicit Journal(Mongo& mongo) : mongo_(mongo) {}

  // `request` says what the run is about apart from the plan's target.
  void begin(const Plan& plan, const std::string& run, const std::string& request, std::int64_t now_ms,
             const std::string& seed, const std::string& undoes = "");
  // Removes the run, unless a dataset is still half-way. Nothing where none is there.
  void end();
  void enter(const std::vector<Prepared*>& datasets);
  // Those that are entered were prepared anew: what they delete may be another.
  void renew(const std::vector<Prepared*>& datasets);
  // Notes that a pass over a collection is done, or how far it has come.
  void advance(const std::vector<const Prepared*>& datasets, const std::string& pass);
  void advance(const std::vector<const Prepared*>& datasets, const std::string& pass, const PassCursor& cursor);
  // Datasets under way.
  std::int64_t entries();
  void leave(const std::vector<Prepared*>& datasets);
  void leave(const bson::Value& dataset);

  // What a run that did not end has left.
  struct Entry {
    bson::Value dataset;
    std::string name;
    std::string from;
    std::string to;
    std::string revisions;
    Passed done;
    bson::Document deletes;
    bson::Document sums;
    bson::Array files;
    std::optional<ops::Naming> naming = std::nullopt;
  };
  struct Unfinished {
    std::string run;     // its id
    std::string undoes;  // the run that it takes back
    std::string target;
    std::string request;
    bson::Array own;
    std::int64_t now_ms = 0;
    std::string seed;
    std::string host;  // where it was begun, or gone on with
    std::int64_t pid = 0;
    std::vector<Entry> entries;
  };
  // Of whatever stands there: nothing for what is no run of ours.
  static std::optional<Unfinished> read_run(const bson::Document& stored);
  static Entry read_entry(const bson::Document& stored);
  // Nothing when there is no run, or none of ours can be read.
  std::optional<Unfinished> unfinished();

 private:
  void update(const std::vector<const Prepared*>& datasets, const bson::Document& change);

  Mongo& mongo_;
};

}  // namespace fm
