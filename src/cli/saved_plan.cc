#include "cli/saved_plan.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/machine.h"
#include "base/text.h"
#include "bson/read.h"
#include "cli/plan_text.h"
#include "cli/program_version.h"
#include "exec/residue.h"
#include "exec/verify_document.h"
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

// Settings that are on or off, and what their options are called.
constexpr std::pair<const char*, bool Settings::*> kSwitches[] = {
    {"--lazy", &Settings::lazy}, {"--adopt", &Settings::adopt}, {"--allow-drop", &Settings::allow_drop}};

// What decides the plan, as it was typed.
Document typed(const MigrationOptions& options, const Settings& settings) {
  Document out;
  if (options.selection.version) out.append("VERSION", *options.selection.version);
  if (options.os_version) out.append("--os-version", *options.os_version);
  if (!options.names.empty()) out.append("--dataset-name", list(options.names));
  if (!options.selection.include.empty()) out.append("--include", list(options.selection.include));
  if (!options.selection.exclude.empty()) out.append("--exclude", list(options.selection.exclude));
  for (const auto& [name, on] : kSwitches) {
    if (settings.*on) out.append(name, "on");
  }
  Array collections;
  for (const auto& [parameter, collection] : settings.collections) collections.append(parameter + "=" + collection);
  if (!collections.empty()) out.append("--set", std::move(collections));
  out.append("--undo-log", settings.undo_log ? "on" : "off");
  return out;
}

void take_options(const Document& options, Settings& settings) {
  for (const auto& [name, on] : kSwitches) settings.*on = options.has(name);
  for (const auto& item : bson::array_at(options, "--set")) {
    const auto* text = item.as<std::string>();
    const auto equals = text ? text->find('=') : std::string::npos;
    if (equals != std::string::npos) settings.collections[text->substr(0, equals)] = text->substr(equals + 1);
  }
}

// Runs whose images may give something back to these documents, or to all.
std::set<std::string> runs_that_give_back(Mongo& mongo, const Array& datasets) {
  Document filter{{"open", Document{{"$exists", true}}}};
  if (!datasets.empty()) filter.append("document", Document{{"$in", datasets}});
  FindOptions options;
  options.projection = Document{{"_id", 0}, {"run", 1}};
  std::set<std::string> out;
  mongo.find(kResidue, filter, options, [&](bson::View view) { out.emplace(view.get_string("run").value_or("")); });
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

std::optional<SavedPlan> open_saved_plan(const MigrationOptions& options, Settings& settings) {
  if (!options.plan) return std::nullopt;
  const auto& file = *options.plan;
  auto plan = parse_saved_plan(read_file(file, kLargestFile), file);
  for (const auto& [name, value] : typed(options, settings)) {
    const auto* saved = plan.options.find(name);
    if (saved && *saved == value) continue;
    throw Error(Exit::kUsage,
                name + " " + shown(value) + " contradicts the plan in '" + file + "', which was made " +
                    (saved ? "with " + name + " " + shown(*saved) : "without it"),
                "Leave it out, or make another plan.");
  }
  take_options(plan.options, settings);
  return plan;
}

void save_plan(const std::string& file, const MigrationOptions& options, const Settings& settings,
               const Catalogue& catalogue, Deployment& deployment, const Target& target, const Request& request,
               std::optional<SavedServices> services, Mongo* cas, Document document) {
  auto& mongo = deployment.session.mongo();
  SavedPlan plan;
  plan.tool = program_version();
  plan.saved_ms = clock_ms();
  plan.database = mongo.database();
  plan.identity = database_identity(mongo);
  plan.catalogue = catalogue_hash(catalogue);
  plan.options = typed(options, settings);
  plan.target = request.target;
  plan.enterprise_target = target.enterprise;
  plan.names = request.names;
  plan.heads = deployment.found.heads;
  plan.services = std::move(services);
  Array named;
  for (const auto& head : plan.heads.datasets) {
    if (head.name && std::ranges::find(request.names, *head.name) != request.names.end()) named.append(head.id);
  }
  auto kept = runs_that_give_back(mongo, named);
  if (cas) kept.merge(runs_that_give_back(*cas, {}));
  plan.kept.assign(kept.begin(), kept.end());
  plan.plan = std::move(document);
  write_file(file, saved_plan_json(plan));
}

void check_origin(const SavedPlan& plan, const Catalogue& catalogue, Deployment& deployment, const std::string& file) {
  auto& mongo = deployment.session.mongo();
  fm::check_origin(plan, mongo.database(), database_identity(mongo), catalogue, file);
}

void require_kept(const SavedPlan& plan, Mongo& mongo, Mongo* cas) {
  std::vector<std::string> gone;
  for (const auto& run : plan.kept) {
    if (!Residue(mongo).run(run) && !(cas && Residue(*cas).run(run))) gone.push_back(run);
  }
  if (gone.empty()) return;
  throw Error(Exit::kMismatch,
              "The plan gives back what was kept for undo, and that is gone since: what " +
                  std::string(gone.size() == 1 ? "run " : "runs ") + some_of(gone) + " kept",
              "Nothing was written. Make the plan again: plan --save FILE.");
}

}  // namespace fm::cli
