#include "plan/refusals.h"

#include <fmt/format.h>

#include <algorithm>

namespace fm::refusals {
namespace {

constexpr const char* kSeeDocs =
    "See https://docs.voxel51.com/user_guide/config.html#database-migrations for more information";
constexpr const char* kBecomeAdmin = "Set FIFTYONE_DATABASE_ADMIN=true if you may migrate this deployment.";

}  // namespace

Error newer_than_client(const Version& from, const Version& to, const Version& client) {
  return {Exit::kIncompatible,
          fmt::format("You must have fiftyone>={} installed in order to migrate from v{} to v{}, but you are currently "
                      "running fiftyone=={}.\n\nSee https://docs.voxel51.com/getting_started/install.html"
                      "#downgrading-fiftyone for information about downgrading FiftyOne.",
                      std::max(from, to).str(), from.str(), to.str(), client.str()),
          "Install a newer fiftyone-migrator.", "OSError"};
}

Error database_incompatible(const std::string& head, const Catalogue& catalogue) {
  const std::string& range = catalogue.compatible.str();
  return {Exit::kIncompatible,
          fmt::format("Cannot connect to database v{} with client v{}{}. {}", head, catalogue.client,
                      range.empty() ? "" : fmt::format(" (compatibility {})", range), kSeeDocs),
          kBecomeAdmin, "OSError"};
}

Error database_not_admin(const std::string& head, const std::string& target) {
  return {Exit::kRefused,
          fmt::format("Cannot migrate database from v{} to v{} when database_admin=False. {}", head, target, kSeeDocs),
          kBecomeAdmin, "OSError"};
}

Error dataset_not_found(const std::string& name) {
  return {Exit::kNotFound, fmt::format("Dataset {} not found", name), "Names are case-sensitive; info lists them.",
          "fiftyone.core.dataset.DatasetNotFoundError"};
}

// The original has no space between the two sentences.
Error dataset_not_admin(const std::string& name, const std::string& head, const std::string& target) {
  return {Exit::kRefused,
          fmt::format("Cannot migrate dataset '{}' from v{} to v{} when database_admin=False.{}", name, head, target,
                      kSeeDocs),
          kBecomeAdmin, "OSError"};
}

Error database_version_unreadable(const std::string& version) {
  return {Exit::kIncompatible,
          fmt::format("Invalid version: '{}' is stored as the version of the database, in its collection 'config'",
                      version),
          "Set the version there to the one of the client that wrote the database.",
          "packaging.version.InvalidVersion"};
}

Error dataset_version_unreadable(const std::string& name, const std::string& version) {
  return {Exit::kIncompatible,
          fmt::format("Invalid version: '{}' is stored as the version of dataset '{}'", version, name),
          "Set its version, in the collection 'datasets', to the one of the client that wrote it.",
          "packaging.version.InvalidVersion"};
}

Error dataset_parked(const std::string& name) {
  return {Exit::kPrecondition,
          fmt::format("Dataset '{}' is half-way through a migration, which has to be finished first", name),
          "If it was interrupted ('fiftyone-migrator info' says so), 'fiftyone-migrator migrate' finishes it first."};
}

Error admin_is_false() {
  return {Exit::kRefused, "Migrating is refused because FIFTYONE_DATABASE_ADMIN is false", kBecomeAdmin, "OSError"};
}

Error migrations_disabled() {
  return {Exit::kRefused, "Migrating is refused because FIFTYONE_DISABLE_MIGRATIONS is set",
          "Unset it, or set it to 0.", "OSError"};
}

}  // namespace fm::refusals
