#include <fmt/format.h>

#include <memory>

#include "base/error.h"
#include "cli/deployment.h"
#include "cli/program.h"
#include "plan/access.h"

namespace fm::cli {

using bson::Document;
using bson::Value;

namespace {

constexpr const char* kOpenSource = "fiftyone";
constexpr const char* kEnterprise = "fiftyone-teams";

struct CheckOptions {
  std::string client_version;
  std::optional<std::string> client_type;
  std::optional<std::string> version;
};

// The open-source version of a client: an Enterprise client is named by its own.
std::string client_of(const CheckOptions& options, const std::string& type, const Globals& globals) {
  if (type != kEnterprise) return Version::parse(options.client_version).base().str();
  return globals.versions().resolve(options.client_version).open_source;
}

int run_check(const CheckOptions& options, const Globals& globals) {
  const auto settings = globals.load();
  const auto log = Log::to_stderr(settings, globals.quiet);
  const MongoDriver driver;
  const Deployment deployment(settings, log);
  const std::string database_type = deployment.enterprise() ? kEnterprise : kOpenSource;
  const auto type = options.client_type.value_or(database_type);
  const auto client = client_of(options, type, globals);
  const auto head = deployment.found.heads.database.value_or(globals.catalogue().client);
  auto version = head;
  if (options.version) {
    const auto target =
        resolve_target(deployment.found.heads.edition, options.version, std::nullopt, globals.versions());
    version = *target.version;
    if (!target.note.empty()) log.info(target.note);
  }
  const auto refused = client_refused(client, type, version, database_type);
  const auto when = options.version ? fmt::format("after a migration to v{}", version) : fmt::format("at v{}", version);
  const auto who = type == kEnterprise
                       ? fmt::format("FiftyOne Enterprise {} (open source {})", options.client_version, client)
                       : "FiftyOne " + client;
  // Spec runner 3: an admin takes an older database up, of its own type.
  const bool admin_lifts =
      refused && type == database_type && Version::parse(version).base() < Version::parse(client).base();
  globals.print(
      refused ? fmt::format("{} is refused by the database {}{}:\n  {}\n", who, when,
                            admin_lifts ? ", unless it is an admin, which takes it up to v" + client : "", *refused)
              : fmt::format("{} opens the database {}.\n", who, when),
      {{"client_version", client},
       {"client_type", type},
       {"database_version", version},
       {"database_type", database_type},
       {"refused", refused ? Value(*refused) : Value()},
       {"admin_lifts", admin_lifts}});
  return static_cast<int>(refused ? Exit::kIncompatible : Exit::kDone);
}

}  // namespace

void setup_check(Program& program) {
  auto options = std::make_shared<CheckOptions>();
  auto* command = program.app.add_subcommand("check", "Tells whether a client will be let in.");
  command->add_option("VERSION", options->version, "of the database after a migration; none: as it is");
  command->add_option("--client-version", options->client_version, "of the client: an Enterprise one has two numbers")
      ->required()
      ->option_text("V")
      ->take_last();
  command->add_option("--client-type", options->client_type, "none: that of the database")
      ->option_text("fiftyone|fiftyone-teams")
      ->check(CLI::IsMember({kOpenSource, kEnterprise}))
      ->take_last();
  command->callback(
      [options, &program] { program.run = [options, &program] { return run_check(*options, program.globals); }; });
}

}  // namespace fm::cli
