// What `verify` finds in the database beside its datasets.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "exec/heads.h"
#include "exec/problem.h"
#include "exec/verify_data.h"
#include "exec/verify_references.h"

namespace fm {

std::vector<Problem> config_problems(const DatabaseHeads& heads);
// An interrupted run, and what it has left.
std::vector<Problem> journal_problems(Mongo& mongo, const DatabaseHeads& heads, const SharedData& data);
// Names, slugs and collections that several datasets claim.
std::vector<Problem> clashes(const SharedData& data);
// Runs, views, results and collections without a dataset. Datasets in
// `unread` may use anything; `staged` collections are of an import.
std::vector<Problem> orphans(const SharedData& data, const UsedIds& used, const std::set<std::string>& unread,
                             const std::set<std::string>& staged);
// Notes: imports that have not ended. What is theirs goes into `used` and `staged`.
std::vector<Problem> import_notes(Mongo& mongo, const SharedData& data, UsedIds& used, std::set<std::string>& staged);
// Notes: datasets for which values wait in the undo log (rule R5).
std::vector<Problem> waiting_notes(Mongo& mongo, const DatabaseHeads& heads);

// Documents of shared collections that a revision has not reached, by the
// encoded _id of their dataset.
struct SharedPending {
  const Revision* revision = nullptr;
  Problem problem;
  std::map<std::string, std::int64_t> count;
  std::string owner_key;
  bson::Document filter;
  std::function<void(bson::Document&)> edit;

  // Of one dataset.
  Problem of(const bson::Value& dataset, std::int64_t n) const;
};
std::vector<SharedPending> pending_in_shared(Mongo& mongo, const Catalogue& catalogue, const SharedData& data);

}  // namespace fm
