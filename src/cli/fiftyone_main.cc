#include <cstdio>

#include "cli/command_line.h"
#include "cli/drop_in.h"
#include "cli/drop_in_arguments.h"
#include "cli/streams.h"
#include "config/environment.h"
#include "store/mongo.h"

int main(int argc, char** argv) {
  using namespace fm;
  cli::outlive_readers();
  auto arguments = cli::parse_drop_in({argv + 1, argv + argc});
  std::fputs(arguments.err.c_str(), stderr);
  try {
    cli::write_result(arguments.out);
    if (!arguments.migrate) return arguments.status;
    arguments.migrate->command_line = cli::command_line(argc, argv);
    const auto settings = load_settings({}, Environment::process());
    const MongoDriver driver;
    return cli::run_drop_in(*arguments.migrate, settings);
  } catch (const Error& error) {
    cli::print_drop_in_error(error);
    return cli::drop_in_status(error.code());
  } catch (const std::exception& error) {
    cli::print_drop_in_error(Error(Exit::kFailed, error.what()));
    return 1;
  }
}
