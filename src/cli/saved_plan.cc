#include "cli/saved_plan.h"

#include "base/error.h"
#include "base/file.h"
#include "base/machine.h"
#include "cli/plan_text.h"
#include "cli/program_version.h"
#include "revisions/catalogue.h"

namespace fm::cli {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

// One of 100,000 datasets is about 50 MB.
constexpr std::size_t kLargestFile = std::size_t{1} << 30;

Value list(const std::vector<std::string>& words) {
  Array out;
  for (const auto& word : words) out.append(Globals::as_typed(word));
  return Value(std::move(out));
}

// What decides the plan, as it was typed.
Document typed(const MigrationOptions& options, bool undo_log) {
  Document out;
  if (options.selection.version) out.append("VERSION", *options.selection.version);
  if (options.os_version) out.append("--os-version", *options.os_version);
  if (!options.names.empty()) out.append("--dataset-name", list(options.names));
  if (!options.selection.include.empty()) out.append("--include", list(options.selection.include));
  if (!options.selection.exclude.empty()) out.append("--exclude", list(options.selection.exclude));
  out.append("--undo-log", undo_log ? "on" : "off");
  return out;
}

std::string shown(const Value& value) {
  if (const auto* text = value.as<std::string>()) return *text;
  std::string out;
  if (const auto* words = value.as<Array>()) {
    for (const auto& word : *words) {
      if (const auto* text = word.as<std::string>()) out += (out.empty() ? "" : " ") + *text;
    }
  }
  return out;
}

}  // namespace

std::optional<SavedPlan> open_saved_plan(const MigrationOptions& options, bool undo_log) {
  if (!options.plan) return std::nullopt;
  const auto& file = *options.plan;
  auto plan = parse_saved_plan(read_file(file, kLargestFile), file);
  for (const auto& [name, value] : typed(options, undo_log)) {
    const auto* saved = plan.options.find(name);
    if (saved && *saved == value) continue;
    throw Error(Exit::kUsage,
                name + " " + shown(value) + " contradicts the plan in '" + file + "', which was made " +
                    (saved ? "with " + name + " " + shown(*saved) : "without it"),
                "Leave it out, or make another plan.");
  }
  return plan;
}

void save_plan(const std::string& file, const MigrationOptions& options, const Catalogue& catalogue,
               Deployment& deployment, const Target& target, const Request& request, bool undo_log,
               std::optional<SavedServices> services, Document document) {
  auto& mongo = deployment.session.mongo();
  SavedPlan plan;
  plan.tool = program_version();
  plan.saved_ms = clock_ms();
  plan.database = mongo.database();
  plan.identity = database_identity(mongo);
  plan.catalogue = catalogue_hash(catalogue);
  plan.options = typed(options, undo_log);
  plan.target = request.target;
  plan.enterprise_target = target.enterprise;
  plan.names = request.names;
  plan.heads = deployment.found.heads;
  plan.services = std::move(services);
  plan.plan = std::move(document);
  write_file(file, saved_plan_json(plan));
}

void check_origin(const SavedPlan& plan, const Catalogue& catalogue, Deployment& deployment, const std::string& file) {
  auto& mongo = deployment.session.mongo();
  fm::check_origin(plan, mongo.database(), database_identity(mongo), catalogue, file);
}

}  // namespace fm::cli
