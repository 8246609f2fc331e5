#include "cli/drop_in_arguments.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <map>

#include "cli/argparse.h"
#include "cli/program_version.h"

namespace fm::cli {

namespace {

using Takes = Flag::Takes;

constexpr const char* kUsage = "usage: fiftyone [-h] [-v] [--all-help] {migrate} ...\n";

constexpr const char* kHelp = R"(
Migrates FiftyOne databases without the FiftyOne package.

options:
  -h, --help     show this help message and exit
  -v, --version  show version info
  --all-help     show help recursively and exit

available commands:
  {migrate}
    migrate      Tools for migrating the FiftyOne database.
)";

constexpr const char* kMigrateUsage =
    R"(usage: fiftyone migrate [-h] [-i] [-a] [-v VERSION]
                        [-n DATASET_NAME [DATASET_NAME ...]]
                        [--error-level LEVEL] [--verbose] [--dry-run] [--json]
)";

constexpr const char* kMigrateHelp = R"(
Tools for migrating the FiftyOne database.

    fiftyone migrate --info                       # versions; writes nothing
    fiftyone migrate --all                        # all to the newest version
    fiftyone migrate --all --version <VERSION>    # all to a version, up or down
    fiftyone migrate ... --dataset-name <NAME>    # certain datasets
    fiftyone migrate                              # the database alone

options:
  -h, --help            show this help message and exit
  -i, --info            show the versions of the database and its datasets
  -a, --all             migrate the database and all datasets
  -v VERSION, --version VERSION
                        the open-source version to migrate to
  -n DATASET_NAME [DATASET_NAME ...], --dataset-name DATASET_NAME [DATASET_NAME ...]
                        datasets to migrate
  --error-level LEVEL   what a dataset that cannot be migrated means (0=stop
                        before anything is written, 1=warn, 2=ignore)
  --verbose             name each step
  --dry-run             show what would be done and write nothing
  --json                the result as JSON, log lines on stderr
)";

// Commands of the original, and what to use instead.
const std::map<std::string, std::string> kOthers = {
    {"annotation", ""},
    {"app", ""},
    {"brain", ""},
    {"config", ""},
    {"constants", ""},
    {"convert", ""},
    {"datasets", "fiftyone-migrator dataset list"},
    {"delegated", ""},
    {"evaluation", ""},
    {"labs", ""},
    {"operators", ""},
    {"plugins", ""},
    {"quickstart", ""},
    {"skills", ""},
    {"utils", ""},
    {"zoo", ""},
};

// What an option does when its turn comes.
struct Action {
  Flag flag;
  std::function<void(const Flag&, std::vector<std::string>)> take;
};

// Ends the parsing with a text for stdout.
struct Show {
  std::string text;
};

Arguments parse(const std::vector<Action>& actions, bool has_command, const std::vector<std::string>& args) {
  std::vector<Flag> flags;
  flags.reserve(actions.size());
  for (const auto& action : actions) flags.push_back(action.flag);
  return parse_arguments(flags, has_command, args, [&](const Flag& flag, std::vector<std::string> values) {
    const auto found = std::find_if(actions.begin(), actions.end(), [&](const Action& action) {
      return std::string_view(action.flag.long_name) == flag.long_name;
    });
    found->take(flag, std::move(values));
  });
}

auto show(const std::string& text) {
  return [text](const Flag&, const std::vector<std::string>&) { throw Show{text}; };
}

DropInOptions parse_migrate(const std::vector<std::string>& args, std::vector<std::string>& extras) {
  DropInOptions options;
  const auto set = [](bool& field) { return [&field](const Flag&, const std::vector<std::string>&) { field = true; }; };
  const std::vector<Action> actions = {
      {{"-h", "--help"}, show(std::string(kMigrateUsage) + kMigrateHelp)},
      {{"-i", "--info"}, set(options.info)},
      {{"-a", "--all"}, set(options.all)},
      {{"-v", "--version", Takes::kOne}, [&](const Flag&, auto values) { options.version = values.front(); }},
      {{"-n", "--dataset-name", Takes::kMany}, [&](const Flag&, auto values) { options.names = std::move(values); }},
      {{nullptr, "--error-level", Takes::kOne},
       [&](const Flag& flag, auto values) { options.error_level = integer_argument(flag, values.front()); }},
      {{nullptr, "--verbose"}, set(options.verbose)},
      {{nullptr, "--dry-run", Takes::kNothing, true}, set(options.dry_run)},
      {{nullptr, "--json", Takes::kNothing, true}, set(options.json)},
  };
  const auto rest = parse(actions, false, args);
  extras.insert(extras.end(), rest.extras.begin(), rest.extras.end());
  return options;
}

std::string no_such_command(const std::string& word) {
  const auto other = kOthers.find(word);
  if (other == kOthers.end()) {
    return fmt::format("argument {{migrate}}: invalid choice: '{}' (choose from 'migrate')", word);
  }
  return fmt::format("the command '{}' is not part of this program{}", word,
                     other->second.empty() ? ", only of the FiftyOne package"
                                           : "; see '" + other->second + "', or use that of the FiftyOne package");
}

DropInArguments usage_error(const char* usage, const char* program, const std::string& text) {
  DropInArguments out;
  out.err = fmt::format("{}{}: error: {}\n", usage, program, text);
  out.status = 2;
  return out;
}

}  // namespace

DropInArguments parse_drop_in(const std::vector<std::string>& args) {
  const auto help = std::string(kUsage) + kHelp;
  const std::vector<Action> actions = {
      {{"-h", "--help"}, show(help)},
      {{"-v", "--version"}, show(program_version() + "\n")},
      {{nullptr, "--all-help"}, show(help + "\n" + kMigrateUsage + kMigrateHelp)},
  };
  DropInArguments out;
  try {
    auto [extras, command] = parse(actions, true, args);
    if (!command.empty()) {
      if (command.front() != "migrate") throw ArgumentError(no_such_command(command.front()));
      try {
        out.migrate = parse_migrate({command.begin() + 1, command.end()}, extras);
      } catch (const ArgumentError& error) {
        return usage_error(kMigrateUsage, "fiftyone migrate", error.what());
      }
    }
    if (!extras.empty()) throw ArgumentError(fmt::format("unrecognized arguments: {}", fmt::join(extras, " ")));
    if (command.empty()) out.out = help;
  } catch (const ArgumentError& error) {
    return usage_error(kUsage, "fiftyone", error.what());
  } catch (const Show& shown) {
    out.out = shown.text;
  }
  return out;
}

}  // namespace fm::cli
