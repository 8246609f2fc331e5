#include "cli/migration_options.h"

#include "cli/help.h"
#include "plan/refusals.h"

namespace fm::cli {

void bind_target_options(CLI::App& command, MigrationOptions& options) {
  command.add_option("VERSION", options.selection.version, "target; none: the newest data model, only upwards");
  command.add_option("--include", options.selection.include, "services: datasets enterprise cas hub")
      ->option_text("S...");
  command.add_option("--exclude", options.selection.exclude, "all services but these")->option_text("S...");
  command.add_option("-n,--dataset-name", options.names, "only these datasets")->option_text("NAME...");
  command.add_option("--os-version", options.os_version, "target as an open-source version")
      ->option_text("V")
      ->take_last();
}

void bind_migration_options(CLI::App& command, MigrationOptions& options) {
  bind_target_options(command, options);
  add_setting(command, options.flags, "-j,--jobs", "jobs", "datasets at a time", "N");
  add_setting(command, options.flags, "--undo-log", "undo_log", "keep what is written as it was (on)", "on|off");
  add_setting(command, options.flags, "--allow-loss", "allow_loss", "without an undo log: lose what cannot come back");
  add_setting(command, options.flags, "--lazy", "lazy", "the database's version only, not the datasets");
  add_setting(command, options.flags, "--adopt", "adopt", "make it a database of FiftyOne Enterprise");
  add_setting(command, options.flags, "--allow-drop", "allow_drop", "drop what a service leaves behind");
  for (const auto* rare : {"--lazy", "--adopt", "--allow-drop"}) command.get_option(rare)->group(kAlso);
}

void bind_pace_options(CLI::App& command, SettingFlags& flags) {
  add_setting(command, flags, "--rate", "rate", "documents a second, at most", "N");
  add_setting(command, flags, "--max-lag", "max_lag", "wait while a secondary is further behind", "S");
  add_setting(command, flags, "--max-time", "max_time", "stop after that many seconds (4)", "S");
}

Control::Limits limits_of(const Settings& settings) { return {settings.rate, settings.max_lag, settings.max_time}; }

Control::Notice warn_over(Progress& progress, const Log& log) {
  return [&](const std::string& text) {
    progress.clear();
    log.warning(text);
  };
}

void require_admin(const Settings& settings) {
  if (settings.disable_migrations) throw refusals::migrations_disabled();
  if (settings.database_admin == false) throw refusals::admin_is_false();
}

}  // namespace fm::cli
