// New ids for the samples, frames, groups and labels of a dataset, and for every
// reference to them.
//
// The new id is a function of the old one and of a seed: its time stays, its other
// eight bytes are enciphered, so that two ids stay two. No table of them is
// kept. What has to be known is which ids there are, since only those are
// replaced where they are referred to; that set is held as KeySet does.
//
// The ids: every ObjectId under the key `_id`, at any depth of a sample or frame
// (samples, frames, labels, groups, instances).
// The references: the `_sample_id` of frames; and, where they are one of the ids,
//   in samples and frames      any other ObjectId, text of 24 hexadecimal digits, and key of a map that is one
//   in views, workspaces, runs, their results, and the dataset document
//                              the same, and such text between two quotes, as stages of views hold it in JSON
//   in results                 arrays of such texts in the form of NumPy, too
//   in tags                    `sample_id`
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "archive/key_set.h"
#include "bson/document.h"

namespace fm::archive {

class NewIds {
 public:
  // The same seed gives the same ids.
  explicit NewIds(std::string_view seed);

  // Finds the ids of one encoded sample or frame; from several threads at a time.
  static void collect(std::string_view bson, std::string& keys);
  // Takes what collect() made of some documents; from one thread at a time.
  void know(std::string_view keys);
  // After the last know(). From here on all is const, and safe from several threads.
  void seal() { ids_.seal(); }

  bson::Oid renewed(const bson::Oid& id) const;
  // Where it is one of the ids; else nullopt.
  std::optional<bson::Oid> known(const bson::Oid& id) const;
  // The same for 24 hexadecimal digits; all other text is none.
  std::optional<std::string> known(std::string_view text) const;

  void edit_member(bson::Document& document, bool frames) const;
  // A view, a workspace, a run, or the dataset's document.
  void edit_document(bson::Document& document) const;

 private:
  std::array<std::uint64_t, 4> round_keys_;
  KeySet ids_;
};

}  // namespace fm::archive
