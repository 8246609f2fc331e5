#include <cstdio>

#include "cli/drop_in.h"
#include "cli/drop_in_arguments.h"
#include "cli/streams.h"
#include "config/environment.h"
#include "store/mongo.h"

int main(int argc, char** argv) {
  using namespace fm;
  cli::outlive_readers();
  const auto arguments = cli::parse_drop_in({argv + 1, argv + argc});
  std::fputs(arguments.out.c_str(), stdout);
  std::fputs(arguments.err.c_str(), stderr);
  int status = arguments.status;
  try {
    if (arguments.migrate) {
      const auto settings = load_settings({}, Environment::process());
      const MongoDriver driver;
      status = cli::run_drop_in(*arguments.migrate, settings);
    }
    cli::flush_stdout();
  } catch (const Error& error) {
    cli::print_drop_in_error(error);
    return cli::drop_in_status(error.code());
  } catch (const std::exception& error) {
    cli::print_drop_in_error(Error(Exit::kFailed, error.what()));
    return 1;
  }
  return status;
}
