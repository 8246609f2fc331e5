// The options that `migrate` and `plan` share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/log.h"
#include "cli/program.h"
#include "cli/progress.h"
#include "cli/services.h"
#include "cli/signals.h"
#include "exec/control.h"

namespace fm::cli {

struct MigrationOptions {
  Selection selection;
  std::vector<std::string> names;
  std::optional<std::string> os_version;
  SettingFlags flags;
  bool verbose = false;
  std::optional<std::string> backup;  // migrate: a folder
  std::optional<std::string> plan;    // migrate: a file
  std::optional<std::string> save;    // plan: a file
  std::optional<std::string> html;    // plan: a file
  bool estimate = false;              // plan
};

// What a migration is about: version, services, datasets.
void bind_target_options(CLI::App& command, MigrationOptions& options);
void bind_migration_options(CLI::App& command, MigrationOptions& options);

// What slows a run down or stops it.
void bind_pace_options(CLI::App& command, SettingFlags& flags);
Control::Limits limits_of(const Settings& settings);
// Both outlive it: a warning that takes the place of a progress line.
Control::Notice warn_over(Progress& progress, const Log& log);

// Refuses where the settings forbid writing to a shared database.
void require_admin(const Settings& settings);

// Both commands: what is asked for is checked, the database opened, the plan
// made; then it is shown (`dry_run`) or run. The exit status.
int run_migration(const MigrationOptions& options, const Globals& globals, bool dry_run);

}  // namespace fm::cli
