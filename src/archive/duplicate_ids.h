// Samples and frames of an archive whose keys come twice, found without a database.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "archive/key_set.h"

namespace fm::archive {

// Of samples their _id, of frames also the pair of _sample_id and frame_number.
// Memory: that of three KeySets, of samples that of one.
class DuplicateIds {
 public:
  explicit DuplicateIds(bool frames) : frames_(frames) {}

  // Appends the two keys of an encoded document; from several threads at a time.
  static void collect(std::string_view bson, std::string& keys);
  // Takes the keys of some documents; from one thread at a time.
  void take(std::string_view keys, std::int64_t documents);
  // At the end: how many documents have an _id that came before; with `refuse`
  // throws Error(kMismatch) for the first one. Always throws it for a frame that
  // is twice in its sample under two ids, as importing would.
  std::int64_t count(bool refuse);

 private:
  bool frames_;
  KeySet ids_;
  KeySet numbers_;  // of frames
  KeySet owners_;   // of frames: half a hash of the pair, then one of the _id
};

// What an import says of two samples or frames with the same key, "{ _id: ObjectId('...') }".
[[noreturn]] void refuse_duplicate(bool frames, const std::string& key);

}  // namespace fm::archive
