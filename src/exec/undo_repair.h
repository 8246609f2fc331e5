// Takes a repair back (rule R7), or an undo of one: document by document, by
// what it has kept (exec/document_edits.h).
#pragma once

#include <string>

#include "exec/document_edits.h"
#include "exec/undo.h"

namespace fm {

class UndoRepair {
 public:
  // Facts: of the undo itself.
  UndoRepair(Mongo& mongo, const RunFacts& facts, std::string seed, const RunSettings& settings, RunObserver& observer);

  // As Undo::run. Reads what was kept and each of its documents, twice without
  // `skip_changed`. A killed one goes on when it is called again.
  UndoReport run(const RunRecord& record, bool skip_changed);

 private:
  // The run's own record, and the documents.
  void write(const RunRecord& record, UndoReport& report);
  // One walk over what is kept: counts what is to go back, and names what was
  // changed since.
  void pass(const RunRecord& record, bool write, UndoReport& report);
  void batch(std::vector<DocumentEdit>& kept, bool write, UndoReport& report);
  // What puts the document back; nothing where it was changed since.
  std::optional<DocumentEdit> way_back(const DocumentEdit& kept, const std::optional<bson::Document>& now) const;

  Mongo& mongo_;
  const RunFacts& facts_;
  std::string seed_;
  const RunSettings& settings_;
  RunObserver& observer_;
  DocumentEdits edits_;
};

}  // namespace fm
