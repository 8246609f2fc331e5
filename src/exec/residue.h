// What runs found before they wrote, in `migrator.residue`: for taking a run
// back, and for giving back on the way up what a way down had no place for.
//
//   {_id: {run: RUN}, kind: "run" | "repair", seq, now, seed, target, config, database, undoes, undone_by,
//    brought_back: [collections], services: {up, down, main_database, cas_database, cas_identity}, version, from, to,
//    dropped, made, own: [{id, checksum}]}
//   {_id: {run: RUN, service, collection, document: ID, part: N}, run, seq, service, collection, document, name,
//    direction, from, to, open: [revisions], before, others: [{collection, document}], after, after_others,
//    consumed: [{run, revisions}], revived: [{run, revisions}], files: [<GridFS ids>], members: [collections]}
//
// A record is an image: the document as it stood before the run wrote it, with
// those documents of other collections (runs, views) that the run changed or
// deleted for it. What a single revision displaced is not stored but worked
// out again, in memory, from the image and the revisions (exec/replay.h).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bson/document.h"
#include "exec/residue_image.h"
#include "exec/residue_run.h"
#include "store/mongo.h"

namespace fm {

inline constexpr const char* kResidue = "migrator.residue";
// Documents of samples and frames, one each: {_id: {run, collection, document}, before}.
inline constexpr const char* kResidueMembers = "migrator.residue.members";
// What a run has kept in either of them, by ranges of the index on _id: no other
// index need know the run. Of `migrator.residue` without the record of the run
// itself; of the other one all, or of one collection.
bson::Document kept_by(const std::string& run);
bson::Document members_kept_by(const std::string& run, const std::string& collection = "");

// The collections of samples by the encoded _id of their dataset, for Image::is_of().
std::map<std::string, std::string> samples_of_datasets(Mongo& mongo);

// Thread-safe. Every write can be repeated.
class Residue {
 public:
  explicit Residue(Mongo& mongo) : mongo_(mongo) {}

  // Gives the run its `seq`; a run that goes on keeps what it has.
  RunRecord begin(RunRecord run);
  std::optional<RunRecord> run(const std::string& run);
  // Newest first.
  std::vector<RunRecord> runs();

  // To be called before the documents are written. An image of the same run
  // and document gives way, unless `keep_first`. Throws Error(kPrecondition)
  // for a document that leaves no room for its record; check() tells before.
  void keep(const std::vector<Image>& images, bool keep_first = false);
  // Throws Error(kPrecondition) for what a record has no room for.
  static void check(const std::string& what, const bson::Bytes& document);
  // The same for what would nest deeper there than a server takes; to be asked before
  // anything is written, and not again for each record.
  static void check_depth(const std::string& what, const bson::Bytes& document);
  // The largest document that check() lets pass, in bytes.
  static constexpr std::size_t kLargest = (std::size_t{16} << 20) - (std::size_t{16} << 10);

  // What a way up may restore, of each document the newest first: a revision
  // is open in one image only, the newest that has it. By encoded _id.
  std::map<std::string, std::vector<Image>> open(const std::string& service, const std::string& collection,
                                                 const bson::Array& documents);
  // Which images of runs other than this one are open for any of the revisions, by
  // encoded _id. Reads no documents that they hold.
  std::map<std::string, std::vector<Image::Consumed>> still_open(const std::string& service,
                                                                 const std::string& collection,
                                                                 const bson::Array& documents,
                                                                 const std::vector<std::string>& revisions,
                                                                 const std::string& run);
  // Of one run; in no order.
  void of_run(const std::string& run, const std::function<void(Image)>& visit);
  // By encoded _id.
  std::map<std::string, Image> images(const std::string& run, const std::string& service, const std::string& collection,
                                      const bson::Array& documents);
  // All, for lists; images of one document come oldest first.
  void each(const std::function<void(Image)>& visit);

  // Closes the revisions that these images have consumed, and opens those that
  // they have revived, after the documents were written.
  void settle(const std::vector<Image>& images);
  // A way down without an undo log: these revisions are no longer open.
  void supersede(const std::string& service, const std::string& collection, const bson::Array& documents,
                 const std::vector<std::string>& revisions);
  void undone(const std::string& run, const std::optional<std::string>& by);

  // Datasets that a run which was cut off has not written: they are what its
  // images hold, but for when they were last loaded.
  bson::Array unwritten(const std::string& run);
  // Whether another client has moved a dataset that the run had written: it is at
  // another version than the run took it to. To be asked once those it had not
  // written are dropped.
  bool moved_since(const std::string& run);
  // Removes their images. How many.
  std::int64_t drop_unwritten(const std::string& run);
  // Removes the image of a dataset that was not written after all.
  void drop(const std::string& run, const bson::Value& dataset);

 private:
  void each(const bson::Document& filter, const std::function<void(Image)>& visit);

  Mongo& mongo_;
};

}  // namespace fm
