// Opening a dataset as a client of the data model does: is this client let in,
// and is the dataset brought to the version of its database first.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "bson/document.h"
#include "exec/heads.h"
#include "exec/runner.h"
#include "plan/plan.h"
#include "revisions/catalogue.h"
#include "store/mongo.h"

namespace fm {

struct LoadSettings {
  std::optional<bool> admin;  // FIFTYONE_DATABASE_ADMIN, where set
  bool migrations_disabled = false;
  bool services_disabled = false;  // FIFTYONE_DISABLE_SERVICES is "1": no check on connecting
  // How long a load waits for another run on the same database.
  std::chrono::milliseconds patience = std::chrono::seconds(30);
  RunSettings run;
};

// Throws Error(kIncompatible) with the original's texts for a database that this
// client does not open (spec runner 3). Unlike the original, which lifts an older
// database of open source when an admin connects, this moves nothing: the remedy
// says how. Reads nothing.
void check_client(const Catalogue& catalogue, const Heads& heads, const LoadSettings& settings);

// What loading a dataset has to do first: nothing, or this plan. A load only goes
// up, and leaves alone what this client opens although the database is newer.
// Throws what refuses the dataset.
std::optional<Plan> plan_load(const Catalogue& catalogue, const DatabaseHeads& heads, const LoadSettings& settings);

// The dataset's document, at a version that this client reads. Looks at the
// database's version every time, so that a refusal is one at the second try too.
//
// Before a dataset is upgraded an interrupted run is finished. Waits for another
// run that is at work, telling the observer, whose exception ends the waiting; throws Error(kLocked) when `patience` is
// over, Error(kNotFound), Error(kIncompatible), Error(kRights) for rights that the upgrade lacks, Error(kPrecondition)
// for a dataset that a run left half-way and nobody may finish.
bson::Document load_dataset(Mongo& mongo, const Catalogue& catalogue, const std::string& name,
                            const LoadSettings& settings, RunObserver& observer);

}  // namespace fm
