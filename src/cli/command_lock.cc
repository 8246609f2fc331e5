#include <unistd.h>

#include <memory>

#include "base/text.h"
#include "cli/deployment.h"
#include "cli/program.h"
#include "store/lease.h"

namespace fm::cli {

using bson::Document;

namespace {

const char* state_of(const LeaseHolder& holder) {
  if (holder.gone) return "its process has ended";
  return holder.expired ? "expired" : "at work";
}

Session open(const Settings& settings, bool cas) {
  if (!cas) return Session(settings);
  if (settings.cas_database_uri && settings.cas_database_name) return Session::cas(settings);
  throw Error(Exit::kUsage, "CAS_DATABASE_URI and CAS_DATABASE_NAME name the database of cas, and are not both set",
              "Set them to what your deployment uses.");
}

int show(const Globals& globals, const Settings& settings, bool cas) {
  const MongoDriver driver;
  auto session = open(settings, cas);
  const auto holder = lease_holder(session.mongo());
  if (!holder) {
    globals.print("Nobody holds the lock.\n", Document{{"held", false}});
    return 0;
  }
  globals.print("Process " + std::to_string(holder->pid) + " on host " + holder->host + ", since " +
                    utc_text(holder->started_ms) + ", until " + utc_text(holder->expires_ms) +
                    " unless renewed: " + state_of(*holder) + ".\n",
                Document{{"held", holder->live()},
                         {"host", holder->host},
                         {"pid", holder->pid},
                         {"started", bson::Date{holder->started_ms}},
                         {"expires", bson::Date{holder->expires_ms}},
                         {"state", state_of(*holder)}});
  return 0;
}

int release(const Globals& globals, const Settings& settings, bool cas, bool force) {
  const MongoDriver driver;
  auto session = open(settings, cas);
  const bool released = release_lease(session.mongo(), force, cas ? LeaseOf::kCas : LeaseOf::kDeployment);
  globals.print(released ? "Released.\n" : "Nobody holds the lock.\n", Document{{"released", released}});
  return 0;
}

}  // namespace

void setup_lock(Program& program) {
  auto* command = program.app.add_subcommand("lock", "Shows or releases the lock of a run.");
  command->require_subcommand(0, 1);
  auto cas = std::make_shared<bool>(false);
  const auto add_cas = [&](CLI::App& to) { to.add_flag("--cas", *cas, "that of the database of cas"); };
  auto* status = command->add_subcommand("status", "Says who holds it; writes nothing.");
  add_cas(*status);
  status->callback([cas, &program] {
    program.run = [cas, &program] { return show(program.globals, program.globals.load(), *cas); };
  });
  auto force = std::make_shared<bool>(false);
  auto* give = command->add_subcommand("release", "Releases it where its holder is gone.");
  give->add_flag("--force", *force, "also where it is at work: be sure that it is not");
  add_cas(*give);
  give->callback([cas, force, &program] {
    program.run = [cas, force, &program] { return release(program.globals, program.globals.load(), *cas, *force); };
  });
}

}  // namespace fm::cli
