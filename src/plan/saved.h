// A plan that is kept in a file until somebody has approved it, and run only on
// the database as it was.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bson/document.h"
#include "plan/plan.h"
#include "plan/services.h"
#include "revisions/catalogue.h"

namespace fm {

// The part of the services of an Enterprise deployment.
struct SavedServices {
  std::vector<std::string> chosen;  // names, `datasets` among them
  std::string target;               // deployment series
  std::vector<ServiceHead> heads;   // of those beside the datasets
  std::string cas_database;         // its name, and the identity of its users; empty without cas
  std::string cas_identity;
};

struct SavedPlan {
  std::string tool;           // that saved it, with its version
  std::int64_t saved_ms = 0;  // UTC
  std::string database;       // its name
  std::string identity;       // of the collection `datasets`; empty where there was none
  std::string catalogue;      // see catalogue_hash
  // What decides the plan as it was typed, by the name of the option: a text, or
  // a list of texts.
  bson::Document options;
  std::optional<std::string> target;             // Request::target
  std::optional<std::string> enterprise_target;  // the same as an Enterprise version
  std::vector<std::string> names;                // Request::names
  Heads heads;
  std::optional<SavedServices> services;
  std::vector<std::string> kept;  // runs whose undo log the plan may give back from
  bson::Document plan;            // as it was shown; not read again
};

// SHA-256 over what decides which revisions run and what they do.
std::string catalogue_hash(const Catalogue& catalogue);

// JSON, with a SHA-256 over its content.
std::string saved_plan_json(const SavedPlan& plan);
// `file` is for messages. Throws Error(kUsage) for what is no saved plan,
// Error(kMismatch) for one that was changed.
SavedPlan parse_saved_plan(std::string_view json, const std::string& file);

// Throws Error(kMismatch) when the plan is of another database or was made with
// another catalogue.
void check_origin(const SavedPlan& plan, const std::string& database, const std::string& identity,
                  const Catalogue& catalogue, const std::string& file);

// The heads to plan from: those of the file, with the versions as they are now.
// Datasets that a part of this very plan has taken to their target have not
// moved, and datasets that come or go without anything to do are none of it. Throws
// Error(kMismatch) naming what else has: of the datasets that the plan is about, and
// of the database.
Heads heads_of(const SavedPlan& plan, const Heads& now, const Catalogue& catalogue, const Request& request);

// The same for services. Throws Error(kMismatch) naming those that have moved,
// and for another database of cas.
void check_services(const SavedServices& saved, const std::vector<ServiceHead>& now, const std::string& cas_database,
                    const std::string& cas_identity, const std::string& file);

}  // namespace fm
