// The subcommands of `dataset`, one file each.
#pragma once

#include "archive/import.h"
#include "archive/observer.h"
#include "cli/deployment.h"
#include "cli/program.h"
#include "cli/until_stopped.h"

namespace fm::cli {

void setup_dataset(Program& program);
void setup_dataset_list(CLI::App& group, Program& program);
void setup_dataset_export(CLI::App& group, Program& program);
void setup_dataset_import(CLI::App& group, Program& program);
void setup_dataset_copy(CLI::App& group, Program& program);
void setup_dataset_inspect(CLI::App& group, Program& program);
void setup_dataset_verify(CLI::App& group, Program& program);

// Shows phases and bytes; warnings go to `log`. Stops after a signal, while StopSignals lives.
archive::Observer show_progress(Progress& progress, const Log& log);

// Options that import and copy share.
struct ImportOptions {
  archive::ImportRequest request;
  bool not_persistent = false;
  bool no_runs = false;
  bool no_views = false;
  bool no_workspaces = false;
  std::string on_conflict = "error";
  SettingFlags flags;
};
void add_import_options(CLI::App& command, ImportOptions& options);
archive::ImportRequest request_of(const ImportOptions& options, const Settings& settings);

// What became of it, for people and as a document. `done` is "Imported" or "Copied".
std::string import_text(const archive::ImportReport& report, const std::string& done, const Style& style);
bson::Document import_document(const archive::ImportReport& report);
// What both directions tell of a way down, and of what they noticed.
bson::Array losses_document(const std::vector<Tally>& losses);
bson::Array warnings_document(const std::vector<std::string>& warnings);

// Throws Error(kRefused) where FIFTYONE_DATABASE_ADMIN is false.
void require_admin(const Settings& settings, const char* doing);

}  // namespace fm::cli
