#include "cli/migration_options.h"

namespace fm::cli {

void setup_plan(Program& program) {
  auto options = std::make_shared<MigrationOptions>();
  auto* command = program.app.add_subcommand("plan", "Shows what migrate would do; writes nothing.");
  bind_migration_options(*command, *options);
  command->add_flag("--estimate", options->estimate, "time, disk and oplog it would take");
  command->add_option("--html", options->html, "as a page for a change request")->option_text("FILE")->take_last();
  command->add_option("--save", options->save, "keep it for migrate --plan")->option_text("FILE")->take_last();
  command->callback([options, &program] {
    program.run = [options, &program] { return run_migration(*options, program.globals, true); };
  });
}

}  // namespace fm::cli
