#include "cli/command_tree.h"

#include <CLI/CLI.hpp>

#include <sstream>

#include "revisions/service.h"

namespace fm::cli {

std::vector<std::string> OptionWords::choices() const {
  if (value == "S...") {
    std::vector<std::string> out;
    for (const auto service : kServices) out.emplace_back(name_of(service));
    return out;
  }
  if (value.find('|') == std::string::npos) return {};
  std::vector<std::string> out;
  std::istringstream words(value);
  for (std::string word; std::getline(words, word, '|');) out.push_back(word);
  return out;
}

bool OptionWords::is_file() const { return value.starts_with("FILE") || value == "F"; }

bool OptionWords::is_folder() const { return value.starts_with("DIR"); }

CommandNode command_tree(const CLI::App& app) {
  CommandNode out;
  out.name = app.get_name();
  out.help = app.get_description();
  for (const auto* option : app.get_options()) {
    OptionWords words;
    words.value = option->get_option_text();
    words.help = option->get_description();
    if (option->get_positional()) {
      words.names.push_back(option->get_name());
      if (words.value.empty()) words.value = "[" + option->get_name() + "]";
      out.positionals.push_back(std::move(words));
      continue;
    }
    for (const auto& name : option->get_snames()) words.names.push_back("-" + name);
    for (const auto& name : option->get_lnames()) words.names.push_back("--" + name);
    if (words.names.back() != "--help") out.options.push_back(std::move(words));
  }
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    out.commands.push_back(command_tree(*command));
  }
  return out;
}

}  // namespace fm::cli
