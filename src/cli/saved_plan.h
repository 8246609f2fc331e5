// plan --save, and migrate --plan.
#pragma once

#include <optional>
#include <string>

#include "cli/deployment.h"
#include "cli/migration_options.h"
#include "plan/saved.h"

namespace fm::cli {

// Reads --plan. Throws Error(kUsage) when another option contradicts it.
std::optional<SavedPlan> open_saved_plan(const MigrationOptions& options, bool undo_log);

// Writes --save. `document` is the plan as it is shown.
void save_plan(const std::string& file, const MigrationOptions& options, const Catalogue& catalogue,
               Deployment& deployment, const Target& target, const Request& request, bool undo_log,
               std::optional<SavedServices> services, bson::Document document);

// Throws Error(kMismatch) when the plan is of another database, or made with
// other revisions.
void check_origin(const SavedPlan& plan, const Catalogue& catalogue, Deployment& deployment, const std::string& file);

}  // namespace fm::cli
