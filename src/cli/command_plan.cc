#include "cli/migration_options.h"

namespace fm::cli {

void setup_plan(Program& program) {
  auto options = std::make_shared<MigrationOptions>();
  auto* command = program.app.add_subcommand("plan", "Shows what migrate would do; writes nothing.");
  bind_migration_options(*command, *options);
  command->callback([options, &program] {
    program.run = [options, &program] { return run_migration(*options, program.globals, true); };
  });
}

}  // namespace fm::cli
