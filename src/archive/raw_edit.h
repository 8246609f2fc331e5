// Edits of samples and frames made on their bytes: an import that migrates
// nothing decodes nothing.
#pragma once

#include <string>
#include <vector>

#include "archive/documents.h"
#include "bson/document.h"

namespace fm::archive {

class RawEdit {
 public:
  // Whether `edit` is one that can be made so: of times, of the dataset's _id, and
  // of filepath.
  static bool fits(const MemberEdit& edit);

  // Keeps the reference.
  explicit RawEdit(const MemberEdit& edit);

  // Appends the edited document, the same bytes as apply_edit makes. False where
  // it has to be decoded after all: it has no _id, or the path of a media field
  // is relative; `out` is then as before. From several threads at a time.
  bool apply(bson::View document, std::string& out) const;

 private:
  // A value that is set: in the place of the one that is there, or at the end.
  struct Setting {
    std::string key;
    std::string element;  // as BSON has it, with its key
  };

  const MemberEdit& edit_;
  std::vector<Setting> settings_;  // in the order in which apply_edit sets them
};

}  // namespace fm::archive
