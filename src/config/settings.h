// The settings of the program and where each one comes from.
//
// One table (settings_table) names them all; load_settings walks the ladder
// flag > environment > JSON file > default for each line (spec: runner 5).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "config/environment.h"
#include "config/secret.h"

namespace fm {

// Where the effective value of a setting was found.
struct Origin {
  enum class Kind { kDefault, kFile, kEnvironment, kFlag };
  Kind kind = Kind::kDefault;
  std::string detail;  // the variable or the file

  // "default", "file /x/config.json", "environment FIFTYONE_DATABASE_URI", "flag".
  std::string str() const;
  bool operator==(const Origin&) const = default;
};

struct Settings {
  // The configuration file that was consulted; it need not exist.
  std::string config;

  // The database. No URI means the private server.
  std::optional<Secret> database_uri;
  // Whether the name was given is origin("database_name"): the default counts on
  // open source only (design 7).
  std::string database_name;
  std::string database_dir;  // absolute
  // Unset is not the same as either: `fiftyone migrate` and `fiftyone-migrator`
  // read it differently (design 7).
  std::optional<bool> database_admin;
  bool database_validation = true;
  std::optional<std::string> database_compressor;

  // The database of the Centralized Authentication Service.
  std::optional<Secret> cas_database_uri;
  std::optional<std::string> cas_database_name;
  // Collections of services by parameter ("cas.groups"), from --set and the file;
  // not checked here.
  std::map<std::string, std::string> collections;

  bool do_not_track = false;
  std::optional<std::string> timezone;
  std::string logging_level;
  std::string logging_format;
  std::string logging_destination;

  bool disable_migrations = false;
  std::optional<std::string> disable_services;
  std::optional<int> private_database_port;
  std::optional<std::string> mongod;  // absolute

  // Options of `migrate` and `plan`. Unset ones have a default that depends on
  // the command.
  bool allow_loss = false;
  bool require_idle = false;
  bool undo_log = true;
  std::optional<int> jobs;
  bool yes = false;
  std::optional<int> error_level;
  std::optional<int> rate;      // documents a second
  std::optional<int> max_lag;   // seconds
  std::optional<int> max_time;  // seconds
  bool legacy_exit = false;
  bool dry_run = false;
  bool lazy = false;
  bool adopt = false;
  bool allow_drop = false;

  // Any text in FIFTYONE_DISABLE_SERVICES, even "0", forbids the private server;
  // only "1" also forbids migrating on connection (spec: runner 5).
  bool private_server_allowed() const { return !disable_services; }
  bool migration_on_connect_allowed() const { return disable_services != "1"; }

  // `name` is a name of the table.
  const Origin& origin(std::string_view name) const;
  bool is_default(std::string_view name) const { return origin(name).kind == Origin::Kind::kDefault; }

  // One per line of the table, in its order; load_settings fills it.
  std::vector<Origin> origins;
};

// One line of the table.
struct Setting {
  enum class Kind {
    kText,
    kPath,        // "~" expanded, made absolute
    kBool,        // of the original: in a variable yes, true, 1 are true, all else is false
    kUnlessZero,  // of the original: any text but "0" is true, even the empty one
    kSwitch,      // ours: on|yes|true|1, off|no|false|0, anything else is refused
    kInteger,
  };
  using Field =
      std::variant<std::string Settings::*, std::optional<std::string> Settings::*, std::optional<Secret> Settings::*,
                   bool Settings::*, std::optional<bool> Settings::*, std::optional<int> Settings::*>;

  std::string_view name;  // for --set NAME=VALUE
  const char* variable;   // environment variable
  bool in_file;           // whether the JSON file may have it, under its name
  Kind kind;
  Field field;
  const char* fallback;  // default as a text of that kind; nullptr: unset
  const char* help;
  int min = 0;  // bounds of kInteger
  int max = 0;

  bool is_secret() const { return std::holds_alternative<std::optional<Secret> Settings::*>(field); }
  // Secrets can also be given as a file: the variable that names it, else "".
  std::string file_variable() const;
};

const std::vector<Setting>& settings_table();

// `flags` are pairs of a name of the table and a value: what --config, --set and
// the options of a command gave, later ones winning over earlier ones. A flag
// wins without a look at the steps below it, so what is wrong there is no error.
//
// Throws Error(kUsage): an unknown name, a value of the wrong type or out of
// bounds, a file that is not JSON, a secret given twice. Keys of the file that
// are not in the table belong to other tools and are not looked at.
Settings load_settings(const std::vector<std::pair<std::string, std::string>>& flags, const Environment& env);

// Splits the NAME=VALUE of --set; throws Error(kUsage) without a "=" or a name.
std::pair<std::string, std::string> parse_assignment(std::string_view text);

// The effective value as a text that may be shown; nullopt when it is unset.
std::optional<std::string> shown_value(const Settings& settings, const Setting& setting);

}  // namespace fm
