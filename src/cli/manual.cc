#include "cli/manual.h"

#include "cli/exit_codes.h"
#include "cli/program_version.h"
#include "config/settings.h"

namespace fm::cli {

namespace {

// Text of one line: no character of it is markup.
std::string plain(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out.starts_with(".") || out.starts_with("'") ? "\\&" + out : out;
}

std::string bold(const std::string& text) { return "\\fB" + plain(text) + "\\fR"; }

std::string heading(const OptionWords& option) {
  std::string out;
  for (const auto& name : option.names) out += (out.empty() ? "" : ", ") + bold(name);
  return option.takes_value() ? out + " \\fI" + plain(option.value) + "\\fR" : out;
}

std::string entries(const CommandNode& node) {
  std::string out;
  for (const auto& word : node.positionals) out += ".TP\n" + bold(word.names.front()) + "\n" + plain(word.help) + "\n";
  for (const auto& option : node.options) out += ".TP\n" + heading(option) + "\n" + plain(option.help) + "\n";
  return out;
}

std::string section(const CommandNode& node, const std::string& above) {
  const auto name = above + node.name;
  std::string out = ".SS \"" + plain(name);
  for (const auto& word : node.positionals) out += " " + plain(word.value);
  out += "\"\n" + plain(node.help) + "\n" + entries(node);
  for (const auto& command : node.commands) out += section(command, name + " ");
  return out;
}

}  // namespace

std::string manual_page(const CommandNode& program) {
  std::string out = ".TH " + plain(program.name) + " 1 \"" FM_DATE "\" \"" + plain(program.name + " " FM_VERSION) +
                    "\"\n.SH NAME\n" + plain(program.name) +
                    " \\- moves FiftyOne deployments between versions\n"
                    ".SH SYNOPSIS\n" +
                    bold(program.name) + " \\fICOMMAND\\fR [\\fIOPTION\\fR]...\n.SH COMMANDS\n";
  for (const auto& command : program.commands) out += section(command, "");
  out += ".SH OPTIONS OF ALL COMMANDS\n" + entries(program) + ".TP\n" + bold("-h") + ", " + bold("--help") +
         "\nshow this help\n.PP\n" +
         plain("An option marked * is also a variable: --some-option is FIFTYONE_MIGRATOR_SOME_OPTION.") +
         "\n.SH EXIT STATUS\n";
  for (const auto& one : exit_codes()) {
    out += ".TP\n" + bold(std::to_string(static_cast<int>(one.code))) + "\n" + plain(one.meaning) + "\n";
  }
  out += ".SH ENVIRONMENT\n";
  for (const auto& setting : settings_table()) {
    out += ".TP\n" + bold(setting.variable) + "\n" + plain(setting.help) + (setting.is_secret() ? ".\n" : "\n");
    if (setting.is_secret()) out += "The file that holds it: " + bold(setting.file_variable()) + ".\n";
  }
  out += ".TP\n" + bold("NO_COLOR") + "\nset and not empty: no colours, unless " + bold("--color") + " says always\n";
  return out;
}

}  // namespace fm::cli
