// Images of samples and frames, in `migrator.residue.members`: of those only
// that a step over the collection, and its way back, do not give back.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ops/context.h"
#include "store/mongo.h"

namespace fm {

// Before any of the works is run. Server-side: one scan of a collection for
// each work; an image that is there already stays.
void keep_members(Mongo& mongo, const std::string& run, const std::vector<ops::CollectionWork>& works);
// The collections that keep_members() looks into.
std::vector<std::string> member_collections(const std::vector<ops::CollectionWork>& works);

struct MemberRestore {
  std::string run;  // whose images
  std::string collection;
  bson::Document owner;  // which images of a shared collection; else empty
  // What the run and the way back make of an image, and what it is to be.
  std::function<bson::Document(bson::Document)> base;
  std::function<bson::Document(bson::Document)> theirs;
};

// After the passes: merges (bson/merge.h) every image into its document, unless
// that was deleted. How many were edited since and kept their edits. Memory:
// some hundred documents.
std::int64_t restore_members(Mongo& mongo, const MemberRestore& restore);

}  // namespace fm
