#include <CLI/CLI.hpp>

#include <cstdio>

#include "base/error.h"
#include "cli/drop_in.h"
#include "config/environment.h"
#include "config/settings.h"
#include "store/mongo.h"

int main(int argc, char** argv) {
  using namespace fm;
  CLI::App app{"fiftyone"};
  auto* migrate = app.add_subcommand("migrate");
  cli::DropInOptions options;
  migrate->add_flag("-i,--info", options.info);
  migrate->add_flag("-a,--all", options.all);
  migrate->add_option("-v,--version", options.version);
  migrate->add_option("-n,--dataset-name", options.names);
  migrate->add_option("--error-level", options.error_level);
  migrate->add_flag("--verbose", options.verbose);
  migrate->add_flag("--dry-run", options.dry_run);
  migrate->add_flag("--json", options.json);
  CLI11_PARSE(app, argc, argv);
  try {
    const auto settings = load_settings({}, Environment::process());
    const MongoDriver driver;
    return cli::run_drop_in(options, settings);
  } catch (const Error& error) {
    std::fprintf(stderr, "%s: %s\n", error.type().c_str(), error.what());
    if (!error.remedy().empty()) std::fprintf(stderr, "%s\n", error.remedy().c_str());
    return 1;
  }
}
