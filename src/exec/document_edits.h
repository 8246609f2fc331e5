// Documents that a run edits one by one, each kept as it was before it is
// written, in `migrator.residue.members`:
//
//   {_id: {run, collection, document}, before, set, unset | after, made, gone, index,
//    files: [{old, new, key, value}], discards, from}
//
// `before` is the document as it was; `made`: there was none. What the run left
// is `before` with `set` and `unset` done to its top-level keys, or, where that
// does not give it, `after`; `gone`: nothing was left. `from`, of a document that
// the run writes more than once: the digest of what it was before the last time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "exec/prepare.h"
#include "ops/context.h"
#include "store/mongo.h"

namespace fm {

struct DocumentEdit {
  std::string collection;
  bson::Value id;  // of an index {index: NAME}
  std::optional<bson::Document> before;
  std::optional<bson::Document> after;
  bool index = false;  // the documents are the index, as createIndexes takes it
  // GridFS files that are copied for `after`, or with `discards` were copied for
  // `before` and go after it.
  std::vector<ops::FilePatch> files = {};
  bool discards = false;

  DocumentEdit reversed() const;
};

class DocumentEdits {
 public:
  // Facts: run, time and ids.
  DocumentEdits(Mongo& mongo, const RunFacts& facts) : mongo_(mongo), facts_(facts) {}

  // Keeps them, then writes those that are still as `before` says: inserts,
  // replacements (of datasets last), removals, in that order. Gives the places
  // of those that were not, which are left as they are. Doing it again changes
  // nothing. Several edits of one document by one run are kept as one. Throws
  // Error(kPrecondition) for a document too large to be kept.
  std::vector<std::size_t> write(const std::vector<DocumentEdit>& edits);
  // Of edits that are written already: what they discard goes.
  void discard(const std::vector<DocumentEdit>& edits);

  // What a run has kept that matches, in no order.
  static void of_run(Mongo& mongo, const std::string& run, const bson::Document& filter,
                     const std::function<void(DocumentEdit)>& visit);
  // The document as it stands.
  static std::optional<bson::Document> current(Mongo& mongo, const DocumentEdit& edit);

 private:
  void keep(const std::vector<DocumentEdit>& edits);
  void write_index(const DocumentEdit& edit);
  bool remove(const DocumentEdit& edit);

  Mongo& mongo_;
  const RunFacts& facts_;
};

// A kept edit as it is stored, and back; nothing for what is none.
bson::Document stored_edit(const std::string& run, const DocumentEdit& edit);
std::optional<DocumentEdit> read_edit(const bson::Document& stored);

}  // namespace fm
