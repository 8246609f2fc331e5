// Images of samples and frames, in `migrator.residue.members`: of those only
// that a step over the collection, and its way back, do not give back.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "exec/ranges.h"
#include "ops/context.h"
#include "store/mongo.h"

namespace fm {

// Before any of the works is run. Server-side: one scan of each collection, of
// those of a dataset's own in ranges; an image that is there already stays. With
// them unique indexes that works, or their way back, drop.
void keep_members(Mongo& mongo, const std::string& run, const std::vector<ops::CollectionWork>& works,
                  const PassSettings& settings);
// The collections that keep_members() looks into.
std::vector<std::string> member_collections(const std::vector<ops::CollectionWork>& works);

struct MemberRestore {
  std::string run;  // whose images
  std::string collection;
  bson::Document owner;  // which images of a shared collection; else empty
  // What that run made of an image; what the passes of this one leave of that,
  // which stands there when it is restored; what it is to be. An image that
  // holds what the run made of it needs none of them.
  using Make = std::function<bson::Document(bson::Document image)>;
  using MakeBeside = std::function<bson::Document(bson::Document image, const bson::Document& stands)>;
  Make made;
  MakeBeside base;
  Make theirs;
  bool forward = false;  // from `before` to what the run made of it
};

struct MemberCount {
  std::int64_t changed = 0;
  std::int64_t edited = 0;  // since: those keep their edits
  std::string example;      // "samples.x, 65f0...: ground_truth.detections"
  // Unique indexes that could not be made again: "_id_1 of frames.x: why".
  std::vector<std::string> without_index = {};
};

// Before the passes: what restore_members() would do then. Reads only.
MemberCount check_members(Mongo& mongo, const MemberRestore& restore);

// After the passes: merges (bson/merge.h) every image into its document, unless
// that was deleted. With `keep` those that change are kept for that run first, as
// they were and as they will be. Then indexes are made again that the run dropped,
// unless the documents no longer allow it. Memory: some hundred documents. Can be
// repeated.
MemberCount restore_members(Mongo& mongo, const MemberRestore& restore, const std::string& keep = "");

// Documents that an undo of these works would change for good, because they were
// edited or inserted since: to go back and the same way again does not give
// them. Of those that have an image check_members() tells. Joins are left out.
// `now_ms` is the run's. Server-side: one scan of each collection.
MemberCount edited_since(Mongo& mongo, const std::string& run, const std::vector<ops::CollectionWork>& works,
                         const bson::Value& dataset, std::int64_t now_ms);

}  // namespace fm
