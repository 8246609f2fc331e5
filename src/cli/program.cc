#include "cli/program.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <string_view>

#include "base/text.h"
#include "bson/json.h"
#include "cli/command_line.h"
#include "cli/exit_codes.h"
#include "cli/help.h"
#include "cli/printable.h"
#include "cli/program_version.h"
#include "cli/streams.h"

namespace fm::cli {

using bson::Document;

namespace {

constexpr char kMark = '\x01';

// The words that were no option's, and the command they stood behind.
struct Unknown {
  const CLI::App* command;
  std::string word;
};

std::optional<Unknown> first_unknown(const CLI::App& app) {
  for (const auto* chosen : app.get_subcommands()) {
    if (auto found = first_unknown(*chosen)) return found;
  }
  const auto rest = app.remaining(false);
  const auto word = std::find_if(rest.begin(), rest.end(), [](const std::string& text) { return text != "--"; });
  if (word == rest.end()) return std::nullopt;
  return Unknown{&app, *word};
}

const CLI::App* innermost(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? &app : innermost(*chosen.front());
}

std::string full_name(const CLI::App& app) {
  return app.get_parent() ? full_name(*app.get_parent()) + " " + app.get_name() : app.get_name();
}

std::string see_help(const CLI::App& app) { return "See '" + full_name(*innermost(app)) + " --help'."; }

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> out;
  for (const auto* at = &app; at; at = at->get_parent()) {
    for (const auto* option : at->get_options()) {
      for (const auto& name : option->get_lnames()) out.push_back("--" + name);
      for (const auto& name : option->get_snames()) out.push_back("-" + name);
    }
  }
  return out;
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> out;
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    out.push_back(command->get_name());
  }
  return out;
}

Error unknown_word(const CLI::App& app, const std::string& typed) {
  const auto* command = innermost(app);
  const auto commands = command_names(*command);
  const auto word = typed.substr(0, typed.starts_with("--") ? typed.find('=') : std::string::npos);
  const bool is_option = word.size() > 1 && word[0] == '-';
  const auto close = nearest(word, is_option ? option_names(*command) : commands);
  if (close == word) {
    return Error(Exit::kUsage, "The option '" + word + "' stands behind the command, " + command->get_name(),
                 see_help(app));
  }
  std::string text = is_option          ? "There is no option '"
                     : commands.empty() ? "Nothing is expected here: '"
                                        : "There is no command '";
  text += word + "'";
  if (close) text += "; did you mean '" + *close + "'?";
  return Error(Exit::kUsage, text, see_help(app));
}

void print_error(const Globals& globals, bool json_lines, const Error& error) {
  if (globals.json()) {
    const Document document{{"error", Document{{"code", name_of(error.code())},
                                               {"exit", static_cast<std::int32_t>(error.code())},
                                               {"message", clean_utf8(error.what())},
                                               {"remedy", clean_utf8(error.remedy())}}}};
    std::fprintf(stderr, "%s\n", bson::to_relaxed_json(document).c_str());
    return;
  }
  const std::string remedy = error.remedy().empty() ? "" : "\n" + error.remedy();
  if (json_lines) {
    Settings settings;
    settings.logging_format = "json";
    Log::to_stderr(settings, true)
        .write(LogLevel::kError, error.what(),
               Document{{"exit", static_cast<std::int32_t>(error.code())}, {"remedy", clean_utf8(error.remedy())}});
    return;
  }
  const auto style = globals.style(STDERR_FILENO);
  std::fprintf(stderr, "%s %s\n", style.error("error:").c_str(),
               printable_on(STDERR_FILENO, error.what() + remedy).c_str());
}

bool logs_json(const Globals& globals) {
  const std::pair<std::string, std::string> flag("logging_format", "json");
  if (std::find(globals.flags.begin(), globals.flags.end(), flag) != globals.flags.end()) return true;
  try {
    return globals.load().logging_format == "json";
  } catch (const Error&) {
    return false;  // the error is about them
  }
}

void add_globals(CLI::App& app, Globals& globals) {
  const auto choice = [&](const char* names, std::string& field, const char* help,
                          const std::vector<std::string>& values) {
    app.add_option(names, field, help)
        ->option_text(CLI::detail::join(values, "|"))
        ->check(CLI::IsMember(values))
        ->take_last();
  };
  choice("-o,--output", globals.output, "form of the result, and of errors", {"text", "json"});
  choice("--progress", globals.progress, "what stderr tells meanwhile", {"auto", "plain", "json", "none"});
  choice("--color", globals.color, "colours; NO_COLOR turns auto off", {"auto", "always", "never"});
  add_setting(app, globals.flags, "--log-format", "logging_format", "form of log lines", "text|json");
  add_setting(app, globals.flags, "--log-level", "logging_level", "least level shown", "LEVEL");
  add_setting(app, globals.flags, "--config", "config", "settings, JSON", "FILE");
  app.add_option("--catalogue", globals.catalogue_directory, "more revisions, a folder per service")
      ->option_text("DIR")
      ->take_last();
  app.add_option("--versions", globals.versions_file, "more Enterprise versions, CSV")
      ->option_text("FILE")
      ->take_last();
  app.add_option("--set", globals.assignments, "a setting, whatever the environment says")
      ->option_text("NAME=VALUE")
      ->allow_extra_args(false);
  app.add_flag("-q,--quiet", globals.quiet, "errors only on stderr");
}

void check_flags(const Globals& globals) {
  for (const auto& [name, value] : globals.flags) {
    if (name == "logging_format" && value != "text" && value != "json") {
      throw Error(Exit::kUsage, "--log-format is text or json, not '" + value + "'");
    }
    if (name == "logging_level" && !log_level(value)) {
      throw Error(Exit::kUsage, "--log-level is DEBUG, INFO, WARNING, ERROR or CRITICAL, not '" + value + "'");
    }
  }
}

// What stands on the command line counts even where it cannot be parsed.
bool asks_for_json(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg == "-ojson" || arg == "--output=json") return true;
    if ((arg == "-o" || arg == "--output") && i + 1 < argc && std::string_view(argv[i + 1]) == "json") return true;
  }
  return false;
}

// The parser splits "[a,b]" like a list, but it is a good name for a dataset:
// names in brackets get a mark, see Globals::as_typed.
std::vector<std::string> marked_names(int argc, char** argv) {
  std::vector<std::string> args(argv + 1, argv + argc);
  bool names = false;
  for (auto& arg : args) {
    if (arg.starts_with("-")) names = arg == "-n" || arg == "--dataset-name";
    if ((names || arg.starts_with("-n[") || arg.starts_with("--dataset-name=[")) && arg.ends_with("]")) arg += kMark;
  }
  return args;
}

// The parser counts what is missing, by types: "--rate: 1 required TEXT missing".
std::string words_of(const CLI::ParseError& error) {
  const std::string text = error.what();
  const auto at = text.find(": 1 required ");
  return at != std::string::npos && text.ends_with(" missing") ? text.substr(0, at) + " needs a value" : text;
}

int parse_and_run(Program& program, int argc, char** argv) {
  auto& app = program.app;
  try {
    auto args = marked_names(argc, argv);
    std::reverse(args.begin(), args.end());  // as the parser takes them
    app.parse(std::move(args));
  } catch (const CLI::CallForHelp&) {
    write_result(innermost(app)->help());
    return 0;
  } catch (const CLI::CallForAllHelp&) {
    write_result(app.help("", CLI::AppFormatMode::All));
    return 0;
  } catch (const CLI::CallForVersion&) {
    write_result(program_version() + "\n");
    return 0;
  } catch (const CLI::ParseError& error) {
    if (asks_for_json(argc, argv)) program.globals.output = "json";
    throw Error(Exit::kUsage, words_of(error), see_help(app));
  }
  if (const auto unknown = first_unknown(app)) throw unknown_word(app, unknown->word);
  if (!program.run) {
    std::fputs(innermost(app)->help().c_str(), stderr);
    return static_cast<int>(Exit::kUsage);
  }
  check_flags(program.globals);
  return program.run();
}

}  // namespace

Settings Globals::load(const SettingFlags& of_command) const {
  SettingFlags all = flags;
  for (const auto& assignment : assignments) all.push_back(parse_assignment(assignment));
  all.insert(all.end(), of_command.begin(), of_command.end());
  return load_settings(all, Environment::process());
}

Progress::Mode Globals::progress_mode() const {
  if (quiet || progress == "none") return Progress::Mode::kNone;
  if (progress == "json") return Progress::Mode::kJson;
  return progress == "plain" ? Progress::Mode::kPlain : Progress::automatic();
}

VersionMap Globals::versions() const {
  return versions_file ? VersionMap::built_in().with_file(*versions_file) : VersionMap::built_in();
}

const Catalogue& Globals::catalogue() const {
  if (!catalogue_directory) return built_in_catalogue();
  if (!catalogue_) catalogue_ = built_in_catalogue().with_directory(*catalogue_directory);
  return *catalogue_;
}

void Globals::print(const std::string& text, const Document& document) const {
  write_result(json() ? bson::to_relaxed_json(document) + "\n" : printable_styled_on(STDOUT_FILENO, text));
}

std::string Globals::as_typed(std::string word) {
  if (word.ends_with(kMark)) word.pop_back();
  return word;
}

Program::Program() : app("", "fiftyone-migrator") {
  use_own_help(app);
  app.allow_extras();
  app.fallthrough();
  // A dataset may be called like a command.
  app.require_subcommand(0, 1);
  add_globals(app, globals);
  app.set_version_flag("--version", program_version(), "show the version");
}

void add_setting(CLI::App& app, SettingFlags& flags, const std::string& names, const std::string& setting,
                 const std::string& help, const std::string& value) {
  const auto& table = settings_table();
  const auto line = std::find_if(table.begin(), table.end(), [&](const Setting& s) { return s.name == setting; });
  std::string usual = "FIFTYONE_MIGRATOR_";
  for (const char c : names.substr(names.rfind("--") + 2)) {
    usual += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  // A page of help has no room for names that can be told from the option.
  const auto described = help + (line->variable == usual ? kAlsoVariable : " [" + std::string(line->variable) + "]");
  if (value.empty()) {
    app.add_flag_callback(
        names, [&flags, setting] { flags.emplace_back(setting, "on"); }, described);
    return;
  }
  app.add_option_function<std::string>(
         names, [&flags, setting](const std::string& text) { flags.emplace_back(setting, text); }, described)
      ->option_text(value)
      ->take_last();
}

int run_program(Program& program, int argc, char** argv) {
  const auto fail = [&](const Error& error) {
    print_error(program.globals, logs_json(program.globals), error);
    return static_cast<int>(error.code());
  };
  program.globals.command_line = command_line(argc, argv);
  try {
    return parse_and_run(program, argc, argv);
  } catch (const Error& error) {
    return fail(error);
  } catch (const std::exception& error) {
    return fail(Error(Exit::kFailed, error.what()));
  }
}

}  // namespace fm::cli
