#include "client/load.h"

#include <memory>

#include "bson/read.h"
#include "client/wait.h"
#include "exec/exclusive.h"
#include "exec/journal.h"
#include "exec/restore_mark.h"
#include "exec/rights.h"
#include "exec/unfinished.h"
#include "plan/refusals.h"

namespace fm {

using bson::Document;

namespace {

Document named(const std::string& name) { return {{"name", name}}; }

bool is_admin(const Heads& heads, const LoadSettings& settings) {
  return settings.admin.value_or(heads.edition == Edition::kOpenSource);
}

// The database as this client may use it, with the one dataset.
DatabaseHeads look(Mongo& mongo, const Catalogue& catalogue, const std::string& name, const LoadSettings& settings) {
  auto heads = read_heads(mongo, named(name));
  check_client(catalogue, heads.heads, settings);
  if (heads.heads.datasets.empty()) throw refusals::dataset_not_found(name);
  return heads;
}

bool is_parked(const DatabaseHeads& heads) { return heads.heads.datasets.front().version == kParkedVersion; }

// Only admins finish what another run left.
Error unfinished(Mongo& mongo, const std::string& name, bool parked) {
  const auto run = unfinished_run(mongo);
  if (!run) return refusals::dataset_parked(name);
  return {Exit::kPrecondition,
          "Dataset '" + name + "' cannot be " + (parked ? "opened" : "upgraded") +
              " yet: it waits for what was interrupted, " + run->text(),
          "Ask an admin: " + run->remedy()};
}

// Upgrades the dataset unless somebody else does so first.
void upgrade(Mongo& mongo, const Catalogue& catalogue, const std::string& name, const LoadSettings& settings,
             RunObserver& observer) {
  const auto waits = [&] {
    observer.phase("waiting for another run", 0);
    const auto heads = look(mongo, catalogue, name, settings);
    return is_parked(heads) || plan_load(catalogue, heads, settings);
  };
  auto lease = wait_for_lease(mongo, settings.patience, waits);
  if (!lease) return;
  refuse_while_restoring(mongo);
  Exclusive exclusive(mongo, request_text({name}), std::move(lease));
  if (Journal(mongo).unfinished()) {
    const auto found = look(mongo, catalogue, name, settings);
    if (!is_admin(found.heads, settings)) throw unfinished(mongo, name, is_parked(found));
    DatabaseHeads all;
    exclusive.finish_interrupted(catalogue, settings.run, observer, all);
  }
  const auto heads = look(mongo, catalogue, name, settings);
  const auto plan = plan_load(catalogue, heads, settings);
  if (!plan) return;
  require_rights(mongo);
  const auto report = exclusive.runner(*plan, catalogue, settings.run, observer).run(*plan, heads);
  if (!report.failures.empty()) throw report.failures.front().error;
}

// Clips read the frames of the dataset they were made of, which has to be at
// the same version (spec runner 2.5).
std::optional<std::string> source_of_clips(Mongo& mongo, const Document& dataset) {
  const auto samples = bson::text_at(dataset, "sample_collection_name");
  const auto frames = bson::text_at(dataset, "frame_collection_name");
  if (!samples.starts_with("clips.") || frames.empty()) return std::nullopt;
  std::optional<std::string> out;
  FindOptions options;
  options.projection = Document{{"name", 1}, {"sample_collection_name", 1}};
  mongo.find("datasets", Document{{"frame_collection_name", frames}}, options, [&](const bson::View& view) {
    const auto other = view.decode();
    if (bson::text_at(other, "sample_collection_name").starts_with("samples.")) out = bson::text_at(other, "name");
  });
  return out;
}

}  // namespace

void check_client(const Catalogue& catalogue, const Heads& heads, const LoadSettings& settings) {
  if (!heads.database || settings.migrations_disabled || settings.services_disabled) return;
  const auto& head = *heads.database;
  if (head == catalogue.client || catalogue.compatible.contains(head)) return;
  const auto version = Version::try_parse(head);
  const auto client = Version::parse(catalogue.client).base();
  if (version && version->base() > client && is_admin(heads, settings)) {
    throw refusals::newer_than_client(version->base(), client, client);
  }
  const auto refusal = refusals::database_incompatible(head, catalogue);
  throw Error(refusal.code(), refusal.what(),
              version && version->base() < client
                  ? "An admin moves the database with 'fiftyone-migrator migrate', or migrate_all() in Python."
                  : "Install a newer fiftyone-migrator.",
              refusal.type());
}

std::optional<Plan> plan_load(const Catalogue& catalogue, const DatabaseHeads& heads, const LoadSettings& settings) {
  if (settings.migrations_disabled) return std::nullopt;
  const auto& dataset = heads.heads.datasets.front();
  const auto head = dataset.version.value_or("0.0");
  const auto target = heads.heads.database.value_or(catalogue.client);
  if (head == target) return std::nullopt;
  if (catalogue.compatible.contains(head)) {
    const auto goal = Version::try_parse(target);
    const bool upward = goal && Version::parse(head).base() < goal->base();
    const bool reachable = goal && goal->base() <= Version::parse(catalogue.client).base();
    if (!upward || !reachable || !is_admin(heads.heads, settings)) return std::nullopt;
  }
  Request request;
  request.command = Request::Command::kDropIn;
  request.services_disabled = true;  // the database stays where it is
  request.names = {*dataset.name};
  request.admin = settings.admin;
  auto plan = make_plan(catalogue, heads.heads, request);
  if (!plan.refused.empty()) throw plan.refused.front().error;
  if (plan.datasets.empty()) return std::nullopt;
  return plan;
}

Document load_dataset(Mongo& mongo, const Catalogue& catalogue, const std::string& name, const LoadSettings& settings,
                      RunObserver& observer) {
  const auto heads = look(mongo, catalogue, name, settings);
  if (is_parked(heads) || plan_load(catalogue, heads, settings)) upgrade(mongo, catalogue, name, settings, observer);
  auto document = mongo.find_one("datasets", named(name));
  if (!document) throw refusals::dataset_not_found(name);
  if (const auto source = source_of_clips(mongo, *document)) {
    load_dataset(mongo, catalogue, *source, settings, observer);
  }
  return *document;
}

}  // namespace fm
