// plan --save, and migrate --plan.
#pragma once

#include <optional>
#include <string>

#include "cli/deployment.h"
#include "cli/migration_options.h"
#include "plan/saved.h"

namespace fm::cli {

// Reads --plan, and takes those of its options into the settings that decide what is
// done. Throws Error(kUsage) when another option contradicts it.
std::optional<SavedPlan> open_saved_plan(const MigrationOptions& options, Settings& settings);

// Writes --save. `document` is the plan as it is shown; `cas` the database of that
// service, if it is planned.
void save_plan(const std::string& file, const MigrationOptions& options, const Settings& settings,
               const Catalogue& catalogue, Deployment& deployment, const Target& target, const Request& request,
               std::optional<SavedServices> services, Mongo* cas, bson::Document document);

// Throws Error(kMismatch) when the plan is of another database, or made with
// other revisions.
void check_origin(const SavedPlan& plan, const Catalogue& catalogue, Deployment& deployment, const std::string& file);

// Throws Error(kMismatch) when something that the plan gives back is no longer kept.
void require_kept(const SavedPlan& plan, Mongo& mongo, Mongo* cas);

}  // namespace fm::cli
