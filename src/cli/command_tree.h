// The commands and options of a program as plain values, for completions and
// the manual: what --help shows, told once.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace fm::cli {

struct OptionWords {
  std::vector<std::string> names;  // "-o", "--output"; of a positional its one name
  std::string value;               // "text|json", "DIR", "NAME..."; empty for a flag
  std::string help;

  bool takes_value() const { return !value.empty(); }
  bool takes_several() const { return value.ends_with("..."); }
  // Of "text|json", and of "S...", which are services.
  std::vector<std::string> choices() const;
  bool is_file() const;
  bool is_folder() const;
};

struct CommandNode {
  std::string name;  // of the program, at the root
  std::string help;
  std::vector<OptionWords> options;  // without --help
  std::vector<OptionWords> positionals;
  std::vector<CommandNode> commands;
};

CommandNode command_tree(const CLI::App& app);

}  // namespace fm::cli
