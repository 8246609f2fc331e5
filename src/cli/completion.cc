#include "cli/completion.h"

#include <algorithm>
#include <functional>
#include <set>

namespace fm::cli {

namespace {

std::string joined(const std::vector<std::string>& words, const std::string& between) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : between) + word;
  return out;
}

// 'text' for a POSIX shell and zsh.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// fish knows backslashes inside single quotes.
std::string fish_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

// Calls visit with each command and its path, "" for the program and
// "/lock/status" below.
void walk(const CommandNode& node, const std::string& path,
          const std::function<void(const CommandNode&, const std::string&)>& visit) {
  visit(node, path);
  for (const auto& command : node.commands) walk(command, path + "/" + command.name, visit);
}

std::vector<std::string> all_paths(const CommandNode& program) {
  std::vector<std::string> out;
  walk(program, "", [&](const CommandNode&, const std::string& path) {
    if (!path.empty()) out.push_back(path);
  });
  return out;
}

// Patterns PATH:OPTION for the word before the cursor; options of the program
// stand behind any command.
std::string before_cursor(const std::string& path, const OptionWords& option) {
  std::vector<std::string> patterns;
  for (const auto& name : option.names) patterns.push_back((path.empty() ? "*" : path) + ":" + name);
  return joined(patterns, "|");
}

// Options that take several words of a closed set.
std::vector<OptionWords> lists_of(const CommandNode& node) {
  std::vector<OptionWords> out;
  for (const auto& option : node.options) {
    if (option.takes_several() && !option.choices().empty()) out.push_back(option);
  }
  return out;
}

// The words of all these sets.
std::vector<std::string> listed_words(const CommandNode& program) {
  std::set<std::string> out;
  walk(program, "", [&](const CommandNode& node, const std::string&) {
    for (const auto& option : lists_of(node)) {
      for (auto& word : option.choices()) out.insert(std::move(word));
    }
  });
  return {out.begin(), out.end()};
}

// Patterns PATH:OPTION of all options that take several words.
std::string list_options(const CommandNode& program) {
  std::vector<std::string> patterns;
  walk(program, "", [&](const CommandNode& node, const std::string& path) {
    for (const auto& option : lists_of(node)) patterns.push_back(before_cursor(path, option));
  });
  return joined(patterns, "|");
}

bool wants_folder(const CommandNode& node) {
  return std::any_of(node.positionals.begin(), node.positionals.end(),
                     [](const OptionWords& word) { return word.names.front() == "DIR" || word.is_folder(); });
}

// Of the words behind a command that are no options.
std::vector<std::string> positional_choices(const CommandNode& node) {
  return node.positionals.empty() ? std::vector<std::string>() : node.positionals.front().choices();
}

std::string identifier(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return "_" + name;
}

}  // namespace

std::string bash_completion(const CommandNode& program) {
  const auto function = identifier(program.name);
  std::string out = "# bash completion of " + program.name + "\n" + function + "() {\n" +
                    "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} at='' words='' i\n"
                    "  COMPREPLY=()\n"
                    "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
                    "    case \"$at/${COMP_WORDS[i]}\" in\n      " +
                    joined(all_paths(program), "|") +
                    ") at+=/${COMP_WORDS[i]} ;;\n"
                    "    esac\n"
                    "  done\n";
  if (const auto lists = list_options(program); !lists.empty()) {
    // Behind such a word stands another one, or an option.
    out +=
        "  for ((i = COMP_CWORD - 1; i > 0; i--)); do\n"
        "    case \"${COMP_WORDS[i]}\" in\n      " +
        joined(listed_words(program), "|") +
        ") ;;\n"
        "      *) break ;;\n"
        "    esac\n"
        "  done\n"
        "  [[ $cur == -* ]] || case \"$at:${COMP_WORDS[i]}\" in\n    " +
        lists + ") prev=${COMP_WORDS[i]} ;;\n  esac\n";
  }
  out += "  case \"$at:$prev\" in\n";
  walk(program, "", [&](const CommandNode& node, const std::string& path) {
    for (const auto& option : node.options) {
      if (!option.takes_value()) continue;
      out += "    " + before_cursor(path, option) + ") ";
      if (option.is_folder()) {
        out += "mapfile -t COMPREPLY < <(compgen -d -- \"$cur\"); ";
      } else if (option.is_file()) {
        out += "mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); ";
      } else if (const auto choices = option.choices(); !choices.empty()) {
        out += "mapfile -t COMPREPLY < <(compgen -W " + quoted(joined(choices, " ")) + " -- \"$cur\"); ";
      }
      out += "return ;;\n";
    }
  });
  out += "  esac\n  case \"$at\" in\n";
  walk(program, "", [&](const CommandNode& node, const std::string& path) {
    auto words = positional_choices(node);
    for (const auto& command : node.commands) words.push_back(command.name);
    for (const auto& option : node.options) words.push_back(option.names.back());
    words.emplace_back("--help");
    out += "    " + quoted(path) + ") words=" + quoted(joined(words, " ")) + " ;;\n";
  });
  std::vector<std::string> global;
  for (const auto& option : program.options) global.push_back(option.names.back());
  out += "  esac\n  [[ -z $at || $cur != -* ]] || words+=" + quoted(" " + joined(global, " ")) +
         "\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
         "  case \"$at\" in\n";
  walk(program, "", [&](const CommandNode& node, const std::string& path) {
    if (wants_folder(node)) {
      out += "    " + path + ") [[ $cur == -* ]] || mapfile -t COMPREPLY < <(compgen -d -- \"$cur\") ;;\n";
    }
  });
  return out + "  esac\n}\ncomplete -o filenames -F " + function + " " + program.name + "\n";
}

std::string zsh_completion(const CommandNode& program) {
  // Its file has the same name: at the first call zsh runs the file as the function, which funcstack tells.
  const auto function = "_" + program.name;
  std::string out = "#compdef " + program.name + "\n" + function +
                    "() {\n"
                    "  local at='' word prev=$words[CURRENT-1]\n"
                    "  local -a items options\n"
                    "  integer i\n"
                    "  for ((i = 2; i < CURRENT; i++)); do\n"
                    "    word=$words[i]\n"
                    "    case \"$at/$word\" in\n      " +
                    joined(all_paths(program), "|") +
                    ") at+=/$word ;;\n"
                    "    esac\n"
                    "  done\n";
  if (const auto lists = list_options(program); !lists.empty()) {
    out +=
        "  for ((i = CURRENT - 1; i > 1; i--)); do\n"
        "    [[ $words[i] == (" +
        joined(listed_words(program), "|") +
        ") ]] || break\n"
        "  done\n"
        "  [[ $PREFIX == -* ]] || case \"$at:$words[i]\" in\n    " +
        lists + ") prev=$words[i] ;;\n  esac\n";
  }
  out += "  case \"$at:$prev\" in\n";
  walk(program, "", [&](const CommandNode& node, const std::string& path) {
    for (const auto& option : node.options) {
      if (!option.takes_value()) continue;
      out += "    " + before_cursor(path, option) + ") ";
      if (option.is_folder()) {
        out += "_files -/";
      } else if (option.is_file()) {
        out += "_files";
      } else if (const auto choices = option.choices(); !choices.empty()) {
        out += "compadd -- " + joined(choices, " ");
      } else {
        out += "_message " + quoted(option.value);
      }
      out += "; return ;;\n";
    }
  });
  // _describe splits at the first colon that has no backslash.
  const auto item = [](const std::string& name, const std::string& help) { return quoted(name + ":" + help); };
  const auto items = [&](const std::vector<OptionWords>& options) {
    std::string list;
    for (const auto& option : options) list += " " + item(option.names.back(), option.help);
    return list;
  };
  out += "  esac\n  case \"$at\" in\n";
  walk(program, "", [&](const CommandNode& node, const std::string& path) {
    std::string commands;
    for (const auto& word : positional_choices(node)) commands += " " + quoted(word);
    for (const auto& command : node.commands) commands += " " + item(command.name, command.help);
    out += "    " + quoted(path) + ")\n      items=(" + commands + " )\n      options=(" +
           (path.empty() ? "" : items(node.options)) + " )\n" +
           (wants_folder(node) ? "      [[ $PREFIX == -* ]] || _files -/\n" : "") + "      ;;\n";
  });
  out += "  esac\n  options+=(" + items(program.options) +
         " '--help:show this help' )\n"
         "  (( $#items )) && _describe command items\n"
         "  [[ $PREFIX == -* ]] && _describe -o option options\n"
         "}\n"
         "if [[ $funcstack[1] == " +
         function + " ]]; then\n  " + function + " \"$@\"\nelse\n  compdef " + function + " " + program.name + "\nfi\n";
  return out;
}

std::string fish_completion(const CommandNode& program) {
  const auto at = "_" + identifier(program.name) + "_at";
  std::string out = "# fish completion of " + program.name + "\nfunction " + at +
                    "\n    set -l at ''\n"
                    "    for word in (commandline -opc)[2..-1]\n"
                    "        switch \"$at/$word\"\n"
                    "            case " +
                    joined(all_paths(program), " ") +
                    "\n                set at \"$at/$word\"\n"
                    "        end\n"
                    "    end\n"
                    "    test \"$at\" = \"$argv[1]\"\n"
                    "end\n";
  const auto listed = listed_words(program);
  const auto behind = "_" + identifier(program.name) + "_behind";
  if (!listed.empty()) {
    out += "function " + behind +
           "\n    set -l words (commandline -opc)\n"
           "    set -l listed " +
           joined(listed, " ") +
           "\n    contains -- $words[-1] $listed; or return\n"
           "    while contains -- $words[-1] $listed\n"
           "        set -e words[-1]\n"
           "    end\n"
           "    contains -- $words[-1] $argv\n"
           "end\n";
  }
  out += "complete -c " + program.name + " -f\n";
  walk(program, "", [&](const CommandNode& node, const std::string& path) {
    const auto here = "complete -c " + program.name + " -n " + fish_quoted(at + " '" + path + "'");
    for (const auto& command : node.commands) {
      out += here + " -a " + command.name + " -d " + fish_quoted(command.help) + "\n";
    }
    for (const auto& word : positional_choices(node)) out += here + " -a " + word + "\n";
    if (wants_folder(node)) out += here + " -a '(__fish_complete_directories)'\n";
    for (const auto& option : node.options) {
      out += path.empty() ? "complete -c " + program.name : here;
      for (const auto& name : option.names)
        out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (option.takes_value()) {
        out += option.is_file() ? " -r -F" : " -x";  // -x: no file names
        if (option.is_folder()) out += " -a '(__fish_complete_directories)'";
        if (const auto choices = option.choices(); !choices.empty()) out += " -a " + fish_quoted(joined(choices, " "));
      }
      out += " -d " + fish_quoted(option.help) + "\n";
    }
    for (const auto& option : lists_of(node)) {
      out += "complete -c " + program.name + " -n " +
             fish_quoted(at + " '" + path + "'; and " + behind + " " + joined(option.names, " ")) + " -a " +
             fish_quoted(joined(option.choices(), " ")) + "\n";
    }
  });
  return out;
}

}  // namespace fm::cli
