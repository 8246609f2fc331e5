#include "config/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "base/error.h"
#include "base/text.h"
#include "bson/json.h"

namespace fm {

namespace fs = std::filesystem;

namespace {

using Kind = Setting::Kind;
using Flags = std::vector<std::pair<std::string, std::string>>;
using Parsed = std::variant<std::string, bool, int>;

constexpr const char* kConfigError = "eta.core.config.EnvConfigError";
constexpr std::string_view kTruths[] = {"yes", "true", "1"};

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return c < 0x80 ? std::tolower(c) : c; });
  return out;
}

// The table. The lines the original has stand in its order, so that a file with
// two wrong keys is refused with the same text (spec: runner 5).
std::vector<Setting> make_table() {
  using S = Settings;
  return {
      {"config", "FIFTYONE_CONFIG_PATH", false, Kind::kText, &S::config, "~/.fiftyone/config.json",
       "JSON file with settings"},
      {"database_compressor", "FIFTYONE_DATABASE_COMPRESSOR", true, Kind::kText, &S::database_compressor, nullptr,
       "wire compressor, used only with a URI"},
      {"database_uri", "FIFTYONE_DATABASE_URI", true, Kind::kText, &S::database_uri, nullptr,
       "MongoDB connection string; none: the private server"},
      {"database_validation", "FIFTYONE_DATABASE_VALIDATION", true, Kind::kBool, &S::database_validation, "true",
       "check the version of the server"},
      {"database_admin", "FIFTYONE_DATABASE_ADMIN", true, Kind::kBool, &S::database_admin, nullptr,
       "whether this client may migrate the database"},
      {"database_dir", "FIFTYONE_DATABASE_DIR", true, Kind::kPath, &S::database_dir, "~/.fiftyone/var/lib/mongo",
       "data directory of the private server"},
      {"database_name", "FIFTYONE_DATABASE_NAME", true, Kind::kText, &S::database_name, "fiftyone",
       "database on the server"},
      {"logging_destination", "FIFTYONE_LOGGING_DESTINATION", true, Kind::kText, &S::logging_destination, "stdout",
       "stdout, or stdout,stderr"},
      {"logging_format", "FIFTYONE_LOGGING_FORMAT", true, Kind::kText, &S::logging_format, "text", "text or json"},
      {"logging_level", "FIFTYONE_LOGGING_LEVEL", true, Kind::kText, &S::logging_level, "INFO",
       "DEBUG, INFO, WARNING, ERROR or CRITICAL"},
      {"do_not_track", "FIFTYONE_DO_NOT_TRACK", true, Kind::kBool, &S::do_not_track, "false",
       "known, without effect: nothing is tracked"},
      {"timezone", "FIFTYONE_TIMEZONE", true, Kind::kText, &S::timezone, nullptr,
       "known, without effect: dates are stored in UTC"},

      {"disable_migrations", "FIFTYONE_DISABLE_MIGRATIONS", false, Kind::kUnlessZero, &S::disable_migrations, "0",
       "anything but 0: migrate nothing"},
      {"cas_database_uri", "CAS_DATABASE_URI", true, Kind::kText, &S::cas_database_uri, nullptr,
       "MongoDB connection string of the service cas"},
      {"cas_database_name", "CAS_DATABASE_NAME", true, Kind::kText, &S::cas_database_name, nullptr,
       "database of the service cas"},
      {"disable_services", "FIFTYONE_DISABLE_SERVICES", false, Kind::kText, &S::disable_services, nullptr,
       "any text: start no private server; 1: also no migration on connection"},
      {"private_database_port", "FIFTYONE_PRIVATE_DATABASE_PORT", false, Kind::kInteger, &S::private_database_port,
       nullptr, "port of a private server that already runs on this host", 1, 65535},

      {"mongod", "FIFTYONE_MIGRATOR_MONGOD", false, Kind::kPath, &S::mongod, nullptr,
       "server program of the private server"},
      {"allow_loss", "FIFTYONE_MIGRATOR_ALLOW_LOSS", false, Kind::kSwitch, &S::allow_loss, "off",
       "let a downgrade lose what cannot be brought back"},
      {"require_idle", "FIFTYONE_MIGRATOR_REQUIRE_IDLE", false, Kind::kSwitch, &S::require_idle, "off",
       "migrate only while no FiftyOne process is connected"},
      {"undo_log", "FIFTYONE_MIGRATOR_UNDO_LOG", false, Kind::kSwitch, &S::undo_log, "on",
       "keep what a step displaces, so that it can be taken back"},
      {"jobs", "FIFTYONE_MIGRATOR_JOBS", false, Kind::kInteger, &S::jobs, nullptr, "datasets worked on at a time", 1,
       1024},
      {"yes", "FIFTYONE_MIGRATOR_YES", false, Kind::kSwitch, &S::yes, "off", "ask nothing"},
      {"error_level", "FIFTYONE_MIGRATOR_ERROR_LEVEL", false, Kind::kInteger, &S::error_level, nullptr,
       "0: one refused dataset stops everything; 1: the rest goes on; 2: silently", 0, 2},
      {"rate", "FIFTYONE_MIGRATOR_RATE", false, Kind::kInteger, &S::rate, nullptr,
       "documents written a second, at most", 1, 1'000'000'000},
      {"max_lag", "FIFTYONE_MIGRATOR_MAX_LAG", false, Kind::kInteger, &S::max_lag, nullptr,
       "seconds that a secondary may be behind before writing waits", 1, 1'000'000'000},
      {"max_time", "FIFTYONE_MIGRATOR_MAX_TIME", false, Kind::kInteger, &S::max_time, nullptr,
       "seconds after which the run stops, to be gone on with later", 1, 1'000'000'000},
      {"legacy_exit", "FIFTYONE_MIGRATOR_LEGACY_EXIT", false, Kind::kSwitch, &S::legacy_exit, "off",
       "`fiftyone migrate` exits 0 although a dataset failed"},
      {"dry_run", "FIFTYONE_MIGRATOR_DRY_RUN", false, Kind::kSwitch, &S::dry_run, "off", "print the plan and stop"},
      {"lazy", "FIFTYONE_MIGRATOR_LAZY", false, Kind::kSwitch, &S::lazy, "off",
       "move the database's version only; datasets follow when they are loaded"},
      {"adopt", "FIFTYONE_MIGRATOR_ADOPT", false, Kind::kSwitch, &S::adopt, "off",
       "turn an open-source database into an Enterprise one; take changed catalogue files as they are"},
      {"allow_drop", "FIFTYONE_MIGRATOR_ALLOW_DROP", false, Kind::kSwitch, &S::allow_drop, "off",
       "drop the collections of a service that does not exist at the target"},
  };
}

// Takes "FIFTYONE_DATABASE_URI" and "database-uri" for misspelt "database_uri".
std::optional<std::string> nearest_name(std::string_view typed) {
  std::string plain = lower(typed);
  std::replace(plain.begin(), plain.end(), '-', '_');
  for (const std::string_view prefix : {"fiftyone_migrator_", "fiftyone_"}) {
    if (plain.starts_with(prefix)) {
      plain.erase(0, prefix.size());
      break;
    }
  }
  std::vector<std::string> names;
  for (const auto& setting : settings_table()) {
    if (setting.name == plain) return plain;
    names.emplace_back(setting.name);
  }
  return nearest(plain, names);
}

// "cas.groups"; names of settings have no dots.
bool names_collection(std::string_view name) { return name.find('.') != std::string_view::npos; }

void check_names(const Flags& flags) {
  const auto& table = settings_table();
  for (const auto& [name, value] : flags) {
    if (names_collection(name)) continue;
    const bool known =
        std::any_of(table.begin(), table.end(), [&n = name](const Setting& setting) { return setting.name == n; });
    if (known) continue;
    const auto close = nearest_name(name);
    std::vector<std::string_view> names;
    names.reserve(table.size());
    for (const auto& setting : table) names.push_back(setting.name);
    throw Error(
        Exit::kUsage,
        fmt::format("There is no setting '{}'{}", name, close ? fmt::format("; did you mean '{}'?", *close) : ""),
        fmt::format("The settings are {}.", fmt::join(names, ", ")));
  }
}

// How an error names the place of a value: "--set jobs", "FIFTYONE_MIGRATOR_JOBS".
std::string place(const Setting& setting, const Origin& origin) {
  return origin.kind == Origin::Kind::kFlag ? fmt::format("The setting '{}'", setting.name) : origin.detail;
}

[[noreturn]] void refuse(const Setting& setting, const Origin& origin, const std::string& expected,
                         const std::string& text) {
  // A secret is never quoted, not even a wrong one.
  const std::string found = setting.is_secret() ? "" : fmt::format("; found '{}'", text);
  throw Error(Exit::kUsage, fmt::format("{} must be {}{}", place(setting, origin), expected, found));
}

std::optional<bool> parse_switch(const std::string& text) {
  const std::string word = lower(text);
  if (word == "on" || std::count(std::begin(kTruths), std::end(kTruths), word) > 0) return true;
  if (word == "off" || word == "no" || word == "false" || word == "0") return false;
  return std::nullopt;
}

bool parse_bool(const Setting& setting, const Origin& origin, const std::string& text) {
  // The original takes any other text in its variables for false. A flag is
  // ours, so it is refused when it is neither.
  if (origin.kind == Origin::Kind::kEnvironment) {
    if (setting.kind == Kind::kBool) return std::count(std::begin(kTruths), std::end(kTruths), lower(text)) > 0;
    if (setting.kind == Kind::kUnlessZero) return text != "0";
  }
  const auto value = parse_switch(text);
  if (!value) refuse(setting, origin, "on, yes, true, 1 or off, no, false, 0", text);
  return *value;
}

int parse_integer(const Setting& setting, const Origin& origin, const std::string& text) {
  int value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, value);
  if (failure != std::errc() || stop != end || value < setting.min || value > setting.max) {
    refuse(setting, origin, fmt::format("an integer from {} to {}", setting.min, setting.max), text);
  }
  return value;
}

std::string absolute_path(const std::string& text, const Environment& env) {
  std::string path = fs::absolute(env.expand_user(text)).lexically_normal().string();
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

Parsed parse(const Setting& setting, const Origin& origin, const std::string& text, const Environment& env) {
  switch (setting.kind) {
    case Kind::kText:
      return text;
    case Kind::kPath:
      return absolute_path(text, env);
    case Kind::kBool:
    case Kind::kUnlessZero:
    case Kind::kSwitch:
      return parse_bool(setting, origin, text);
    case Kind::kInteger:
      return parse_integer(setting, origin, text);
  }
  return text;
}

// The kind of a line and the type of its field agree; a test goes through all.
void assign(Settings& settings, const Setting& setting, const Parsed& value) {
  struct Assign {
    Settings& s;
    const Parsed& v;
    void operator()(std::string Settings::*f) const { s.*f = std::get<std::string>(v); }
    void operator()(std::optional<std::string> Settings::*f) const { s.*f = std::get<std::string>(v); }
    void operator()(std::optional<Secret> Settings::*f) const { s.*f = Secret(std::get<std::string>(v)); }
    void operator()(bool Settings::*f) const { s.*f = std::get<bool>(v); }
    void operator()(std::optional<bool> Settings::*f) const { s.*f = std::get<bool>(v); }
    void operator()(std::optional<int> Settings::*f) const { s.*f = std::get<int>(v); }
  };
  std::visit(Assign{settings, value}, setting.field);
}

// A value as text, and the step of the ladder it was found on.
struct Found {
  std::string text;
  Origin origin;
};

std::optional<Found> from_flags(const Setting& setting, const Flags& flags) {
  const auto it =
      std::find_if(flags.rbegin(), flags.rend(), [&](const auto& flag) { return flag.first == setting.name; });
  if (it == flags.rend()) return std::nullopt;
  const Origin origin{Origin::Kind::kFlag, ""};
  // An unset shell variable behind `--set database_uri=` must not turn into
  // "use the private server instead".
  if (it->second.empty()) {
    throw Error(Exit::kUsage, fmt::format("The setting '{}' was given without a value", setting.name));
  }
  return Found{it->second, origin};
}

// The text of a secret file without the line ends at its end.
std::string read_secret(const std::string& variable, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  std::error_code ignored;
  if (fs::is_directory(path, ignored) || !file || !(content << file.rdbuf())) {
    throw Error(Exit::kUsage, fmt::format("The file '{}' named by {} cannot be read or is empty", path, variable));
  }
  std::string text = content.str();
  text.erase(text.find_last_not_of("\r\n") + 1);
  if (text.empty()) throw Error(Exit::kUsage, fmt::format("The file '{}' named by {} is empty", path, variable));
  return text;
}

std::optional<Found> from_environment(const Setting& setting, const Environment& env) {
  const auto text = setting.kind == Kind::kUnlessZero ? env.get(setting.variable) : env.filled(setting.variable);
  const std::string file_variable = setting.file_variable();
  const auto file = file_variable.empty() ? std::nullopt : env.filled(file_variable);
  if (text && file) {
    throw Error(Exit::kUsage, fmt::format("Both {} and {} are set", setting.variable, file_variable),
                "Unset one of the two.");
  }
  if (file) {
    return Found{read_secret(file_variable, env.expand_user(*file)), {Origin::Kind::kEnvironment, file_variable}};
  }
  if (text) return Found{*text, {Origin::Kind::kEnvironment, setting.variable}};
  return std::nullopt;
}

// The class the original's JSON reader gives a value, as its errors print it.
const char* python_class(const bson::Value& value) {
  if (value.as<bool>() != nullptr) return "<class 'bool'>";
  if (value.as<std::int32_t>() != nullptr || value.as<std::int64_t>() != nullptr) return "<class 'int'>";
  if (value.as<double>() != nullptr) return "<class 'float'>";
  if (value.as<std::string>() != nullptr) return "<class 'str'>";
  if (value.as<bson::Array>() != nullptr) return "<class 'list'>";
  return "<class 'dict'>";
}

// The configuration file: nothing when there is none.
struct File {
  std::string path;  // absolute
  bson::Document content;

  const bson::Value* find(std::string_view key) const {
    // Of a repeated key the last one counts, as in any JSON reader.
    const bson::Value* last = nullptr;
    for (const auto& element : content) {
      if (element.key == key) last = &element.value;
    }
    return last != nullptr && !last->is_null() ? last : nullptr;
  }
};

[[noreturn]] void wrong_type(const Setting& setting, const File& file, const char* expected, const bson::Value& found) {
  throw Error(Exit::kUsage,
              fmt::format("Expected key '{}' of {}; found {}", setting.name, expected, python_class(found)),
              fmt::format("Correct the key in '{}', or set {}.", file.path, setting.variable), kConfigError);
}

// An empty text counts as not given, as it does in the environment. (The
// original takes an empty database_dir for the working directory.)
std::optional<Parsed> from_file(const Setting& setting, const File& file, const Environment& env) {
  if (!setting.in_file) return std::nullopt;
  const bson::Value* value = file.find(setting.name);
  if (value == nullptr) return std::nullopt;
  if (setting.kind == Kind::kBool) {
    if (value->as<bool>() == nullptr) wrong_type(setting, file, "<class 'bool'>", *value);
    return *value->as<bool>();
  }
  const auto* text = value->as<std::string>();
  if (text == nullptr) wrong_type(setting, file, "<class 'str'>", *value);
  if (text->empty()) return std::nullopt;
  return parse(setting, {Origin::Kind::kFile, file.path}, *text, env);
}

File read_config(const std::string& path, const std::string& typed) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream content;
  if (!stream || (stream.peek() != std::ifstream::traits_type::eof() && !(content << stream.rdbuf()))) {
    throw Error(Exit::kUsage, fmt::format("Unable to read JSON file '{}': {}", typed, std::strerror(errno)), "",
                "PermissionError");
  }
  try {
    return {path, bson::from_json(content.str())};
  } catch (const Error& e) {
    throw Error(Exit::kUsage, fmt::format("Unable to parse JSON file '{}'", typed),
                fmt::format("The parser says: {}", e.what()), "ValueError");
  }
}

// Which file counts: that of --config, which must exist; that of the variable,
// even an empty one, which need not exist and has no fallback; the usual one.
File find_config(Settings& settings, Origin& origin, const Setting& setting, const Flags& flags,
                 const Environment& env) {
  std::string typed = setting.fallback;
  if (const auto flag = from_flags(setting, flags)) {
    typed = flag->text;
    origin = flag->origin;
  } else if (const auto variable = env.get(setting.variable)) {
    typed = *variable;
    origin = {Origin::Kind::kEnvironment, setting.variable};
  }
  settings.config = typed.empty() ? typed : absolute_path(typed, env);
  const bool asked_for = origin.kind == Origin::Kind::kFlag;
  std::error_code ignored;
  const auto type = fs::status(settings.config, ignored).type();
  // The shell's `--config <(...)` names a pipe.
  if (type == fs::file_type::regular || (asked_for && type == fs::file_type::fifo)) {
    return read_config(settings.config, typed);
  }
  if (asked_for) throw Error(Exit::kUsage, fmt::format("There is no configuration file '{}'", typed));
  return {};
}

std::size_t index_of(std::string_view name) {
  const auto& table = settings_table();
  const auto it = std::find_if(table.begin(), table.end(), [name](const Setting& s) { return s.name == name; });
  if (it == table.end()) throw Error(Exit::kFailed, fmt::format("There is no setting '{}'", name));
  return static_cast<std::size_t>(it - table.begin());
}

// One line of the table: the first step of the ladder that has a value.
Origin load_one(Settings& settings, const Setting& setting, const Flags& flags, const Environment& env,
                const File& file) {
  auto found = from_flags(setting, flags);
  if (!found) found = from_environment(setting, env);
  if (found) {
    assign(settings, setting, parse(setting, found->origin, found->text, env));
    return found->origin;
  }
  if (const auto value = from_file(setting, file, env)) {
    assign(settings, setting, *value);
    return {Origin::Kind::kFile, file.path};
  }
  if (setting.fallback != nullptr) assign(settings, setting, parse(setting, {}, setting.fallback, env));
  return {};
}

}  // namespace

std::string Origin::str() const {
  switch (kind) {
    case Kind::kDefault:
      return "default";
    case Kind::kFile:
      return "file " + detail;
    case Kind::kEnvironment:
      return "environment " + detail;
    case Kind::kFlag:
      return "flag";
  }
  return "";
}

const Origin& Settings::origin(std::string_view name) const { return origins.at(index_of(name)); }

std::string Setting::file_variable() const { return is_secret() ? std::string(variable) + "_FILE" : ""; }

const std::vector<Setting>& settings_table() {
  static const std::vector<Setting> table = make_table();
  return table;
}

Settings load_settings(const Flags& flags, const Environment& env) {
  check_names(flags);
  const auto& table = settings_table();
  Settings settings;
  settings.origins.resize(table.size());
  const std::size_t config = index_of("config");
  const File file = find_config(settings, settings.origins[config], table[config], flags, env);
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (i != config) settings.origins[i] = load_one(settings, table[i], flags, env, file);
  }
  for (const auto& [key, value] : file.content) {
    // Other tools may have keys with dots, too.
    const bool ours = key.starts_with("cas.") || key.starts_with("hub.") || key.starts_with("enterprise.");
    if (ours && value.as<std::string>()) settings.collections[key] = *value.as<std::string>();
  }
  for (const auto& [name, value] : flags) {
    if (names_collection(name)) settings.collections[name] = value;
  }
  return settings;
}

std::pair<std::string, std::string> parse_assignment(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    // The text may hold a secret; it is not quoted.
    throw Error(Exit::kUsage, "--set takes NAME=VALUE, for example --set database_name=fiftyone");
  }
  return {std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

std::optional<std::string> shown_value(const Settings& settings, const Setting& setting) {
  struct Show {
    const Settings& s;
    std::optional<std::string> operator()(std::string Settings::*f) const { return s.*f; }
    std::optional<std::string> operator()(std::optional<std::string> Settings::*f) const { return s.*f; }
    std::optional<std::string> operator()(std::optional<Secret> Settings::*f) const {
      return s.*f ? std::optional((s.*f)->masked()) : std::nullopt;
    }
    std::optional<std::string> operator()(bool Settings::*f) const { return s.*f ? "true" : "false"; }
    std::optional<std::string> operator()(std::optional<bool> Settings::*f) const {
      return s.*f ? std::optional<std::string>(*(s.*f) ? "true" : "false") : std::nullopt;
    }
    std::optional<std::string> operator()(std::optional<int> Settings::*f) const {
      return s.*f ? std::optional(std::to_string(*(s.*f))) : std::nullopt;
    }
  };
  return std::visit(Show{settings}, setting.field);
}

}  // namespace fm
