// Mends what `verify` found and knows how to mend: a journalled run that keeps
// every document as it was and can be taken back.
//
// Nothing is parked: each document is whole before and after its one guarded
// write, and a repair that is cut off is finished by looking again.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "exec/document_edits.h"
#include "exec/runner.h"
#include "exec/verify.h"

namespace fm {

// In the journal, where a migration names its version.
inline constexpr const char* kRepairTarget = "repair";

struct RepairReport {
  std::string run;
  struct Mended {
    Problem problem;
    std::int64_t documents = 0;  // written; none: it was no longer as it was found
  };
  std::vector<Mended> mended;
  std::int64_t documents = 0;
  std::vector<DatasetFailure> failures;  // by dataset, or by the place in the database
  double seconds = 0;
};

class Repair {
 public:
  // Time and seed as for Runner.
  Repair(Mongo& mongo, const Catalogue& catalogue, std::int64_t now_ms, std::string seed, RunSettings settings,
         RunObserver& observer);

  const std::string& run_id() const { return facts_.run; }

  // Of the problems those that have a mend. `wanted` is what verify was asked,
  // and what a killed repair is finished with. Throws what ends a run: a stop, a
  // lost connection or lease; the journal then stays.
  RepairReport run(const VerifyReport& found, const VerifySettings& wanted);

  // What a killed one left: looks again, and mends.
  RunReport finish(const Journal::Unfinished& left);

 private:
  using Problems = std::vector<std::size_t>;  // places in the report
  void mend(RepairReport& report);
  void mend_dataset(const bson::Value& dataset, const Problems& problems, RepairReport& report);
  bool try_dataset(const bson::Document& dataset, const Problems& problems, RepairReport& report);
  void mend_members(const Mend::OfMembers& members, RepairReport::Mended& mended);
  std::int64_t write_members(const Mend::OfMembers& members, std::vector<DocumentEdit> edits);
  void mend_index(const Mend::OfIndex& index, RepairReport::Mended& mended);
  void keep_images(const RepairReport& report);
  void checkpoint() const;

  Mongo& mongo_;
  const Catalogue& catalogue_;
  RunFacts facts_;
  std::string seed_;
  RunSettings settings_;
  RunObserver& observer_;
  DocumentEdits edits_;
};

// What an interrupted repair was asked, as its journal has it.
std::string repair_request(const VerifySettings& wanted);
VerifySettings read_repair_request(const std::string& request);

}  // namespace fm
