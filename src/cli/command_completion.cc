#include <memory>

#include "cli/completion.h"
#include "cli/manual.h"
#include "cli/program.h"
#include "cli/streams.h"

namespace fm::cli {

void setup_completion(Program& program) {
  auto shell = std::make_shared<std::string>();
  auto* command = program.app.add_subcommand("completion", "Prints completions, or the manual page.");
  command->add_option("SHELL", *shell, "bash, zsh, fish; man: the manual page")
      ->required()
      ->option_text("bash|zsh|fish|man")
      ->check(CLI::IsMember({"bash", "zsh", "fish", "man"}));
  command->callback([shell, &program] {
    program.run = [shell, &program] {
      const auto tree = command_tree(program.app);
      write_result(*shell == "bash"   ? bash_completion(tree)
                   : *shell == "zsh"  ? zsh_completion(tree)
                   : *shell == "fish" ? fish_completion(tree)
                                      : manual_page(tree));
      return 0;
    };
  });
}

}  // namespace fm::cli
