#include "cli/help.h"

#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace fm::cli {

namespace {

constexpr std::size_t kWidth = 80;
constexpr std::size_t kColumn = 30;

// Words from `column` on; the first line has `used` cells already.
std::string wrapped(const std::string& text, std::size_t column, std::size_t used) {
  std::string out;
  std::size_t at = used;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (at > column && at + 1 + word.size() > kWidth) {
      out += "\n" + std::string(column, ' ');
      at = column;
    }
    if (at > column) {
      out += " ";
      ++at;
    }
    out += word;
    at += word.size();
  }
  return out;
}

std::string row(const std::string& name, const std::string& text) {
  auto out = "  " + name;
  if (out.size() + 2 > kColumn) {
    out += "\n" + std::string(kColumn, ' ');
  } else {
    out.resize(kColumn, ' ');
  }
  return out + wrapped(text, kColumn, kColumn) + "\n";
}

std::string names_of(const CLI::Option& option) {
  std::string out;
  for (const auto& name : option.get_snames()) out += "-" + name + ", ";
  for (const auto& name : option.get_lnames()) out += "--" + name + ", ";
  out.resize(out.size() - 2);
  return option.get_option_text().empty() ? out : out + " " + option.get_option_text();
}

std::string full_name(const CLI::App& app) {
  return app.get_parent() ? full_name(*app.get_parent()) + " " + app.get_name() : app.get_name();
}

class HelpText final : public CLI::FormatterBase {
 public:
  std::string make_help(const CLI::App* app, std::string, CLI::AppFormatMode mode) const override {
    const auto commands = app->get_subcommands([](const CLI::App*) { return true; });
    std::string usage = "Usage: " + full_name(*app);
    if (!commands.empty()) usage += " COMMAND";
    std::string positionals;
    std::string options;
    // There are too many commands for what each option means to fit too.
    const bool names_only = !app->get_parent() && mode != CLI::AppFormatMode::All;
    std::string names;
    std::string also;  // options that fit no more: named, explained by --help-all
    for (const auto* option : app->get_options()) {
      if (option->get_positional()) {
        const auto& shown = option->get_option_text();
        usage += " " + (shown.empty() ? "[" + option->get_name() + "]" : shown);
        positionals += row(option->get_name(), option->get_description());
      } else if (option->get_lnames().front().starts_with("help")) {
        continue;
      } else if (option->get_group() == kAlso && mode != CLI::AppFormatMode::All) {
        also += (also.empty() ? "--" : ", --") + option->get_lnames().front();
      } else if (names_only) {
        names += names_of(*option) + "  ";
      } else {
        options += row(names_of(*option), option->get_description());
      }
    }
    if (names_only) options = "Options, explained by --help-all:\n  " + wrapped(names, 2, 2) + "\n";
    std::string out = usage + (options.empty() ? "" : " [OPTION]...") + "\n\n";
    if (!app->get_description().empty()) out += wrapped(app->get_description(), 0, 0) + "\n\n";
    for (const auto* command : commands) out += row(command->get_name(), command->get_description());
    if (!commands.empty() && !(positionals + options).empty() && app->get_parent()) out += "\n";
    out += positionals + options;
    if (!also.empty()) out += "  " + wrapped("Also: " + also + "; see --help-all", 4, 2) + "\n";
    if (app->get_parent()) {
      if (options.find(std::string(kAlsoVariable) + "\n") != std::string::npos) {
        out += "* --some-option is also the variable FIFTYONE_MIGRATOR_SOME_OPTION\n";
      }
      out += "Options of all commands: fiftyone-migrator --help-all\n";
    }
    return out;
  }
};

}  // namespace

void use_own_help(CLI::App& app) {
  app.formatter(std::make_shared<HelpText>());
  app.set_help_flag("-h,--help", "show this help");
  app.set_help_all_flag("--help-all", "also say what the options mean");
}

}  // namespace fm::cli
