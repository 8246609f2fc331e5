// What all commands of fiftyone-migrator share: the parser, the global options,
// and the command that was chosen.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "bson/document.h"
#include "cli/log.h"
#include "cli/progress.h"
#include "cli/style.h"
#include "config/settings.h"
#include "revisions/catalogue.h"
#include "revisions/version_map.h"

namespace fm::cli {

// As load_settings takes them.
using SettingFlags = std::vector<std::pair<std::string, std::string>>;

struct Globals {
  std::string output = "text";
  std::string progress = "auto";
  std::string color = "auto";
  std::optional<std::string> versions_file;
  std::optional<std::string> catalogue_directory;
  bool quiet = false;
  std::string command_line;              // as typed, without secrets
  SettingFlags flags;                    // --config, --log-format, --log-level
  std::vector<std::string> assignments;  // --set

  bool json() const { return output == "json"; }
  // The flags of the command win over --set.
  Settings load(const SettingFlags& of_command = {}) const;
  Progress::Mode progress_mode() const;
  Style style(int descriptor) const { return Style::choose(color, descriptor); }
  VersionMap versions() const;
  // The built-in revisions and those of --catalogue. Read once; lives as long as
  // the program.
  const Catalogue& catalogue() const;
  // The result: `text` or, with -o json, `document` on one line.
  void print(const std::string& text, const bson::Document& document) const;
  // A dataset's name from the command line.
  static std::string as_typed(std::string word);

 private:
  mutable std::optional<Catalogue> catalogue_;
};

struct Program {
  CLI::App app;
  Globals globals;
  std::function<int()> run;  // of the command chosen; the exit status

  Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
};

// One per command: binds options, and sets Program::run when it is chosen.
void setup_migrate(Program& program);
void setup_plan(Program& program);
void setup_info(Program& program);
void setup_backup(Program& program);
void setup_restore(Program& program);
void setup_doctor(Program& program);
void setup_verify(Program& program);
void setup_history(Program& program);
void setup_roundtrip(Program& program);
void setup_lock(Program& program);
void setup_undo(Program& program);
void setup_residue(Program& program);
void setup_media(Program& program);
void setup_completion(Program& program);
void setup_check(Program& program);
void setup_versions(Program& program);
void setup_revisions(Program& program);

// An option that is a setting: its value goes to `flags`, its variable stands
// beside it in the help. Without `value` it is a flag that turns it on.
void add_setting(CLI::App& app, SettingFlags& flags, const std::string& names, const std::string& setting,
                 const std::string& help, const std::string& value = "");

// Parses and runs; prints what goes wrong. The exit status.
int run_program(Program& program, int argc, char** argv);

}  // namespace fm::cli
