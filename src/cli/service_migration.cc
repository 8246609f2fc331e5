#include "cli/service_migration.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "cli/plan_text.h"
#include "cli/table.h"
#include "exec/control.h"
#include "exec/history.h"
#include "exec/restore_mark.h"
#include "exec/rights.h"

namespace fm::cli {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

std::string at(const std::string& version) { return version.empty() ? "not known" : "v" + version; }

// Names of any length, in a cell or a line.
std::string some(const std::vector<std::string>& examples, const char* between) {
  constexpr std::size_t kCells = 40;
  std::string out;
  for (const auto& one : examples) out += (out.empty() ? "" : between) + one_line(one, kCells);
  return out;
}

// `restored` counts edited ones, too.
std::int64_t written(const ServiceSurvey::Collection& one) { return std::max(one.edited, one.restored) + one.removed; }

bool same(const ServiceHead& a, const ServiceHead& b) {
  return a.service == b.service && a.version == b.version && a.present == b.present &&
         a.unfinished_to == b.unfinished_to;
}

}  // namespace

std::string service_target(const Target& target, const VersionMap& versions) {
  if (target.version && !target.enterprise) {
    throw Error(
        Exit::kUsage,
        fmt::format("Open source {} is older than any known Enterprise version: cas, hub and enterprise have no "
                    "version to go to",
                    *target.version),
        "Leave them out: --include datasets. Or name an Enterprise version.");
  }
  const auto enterprise = target.enterprise.value_or(versions.newest().enterprise);
  return VersionMap::deployment_number(enterprise).str();
}

void add_services(BackupRequest& request, ServiceMigration& services) {
  if (request.collections) request.collections->merge(services.touched(false));
  request.cas = services.cas_database();
  if (request.cas) request.cas_collections = services.touched(true);
}

Parameters parameters_of(const Settings& settings) {
  Parameters out;
  for (const auto& [parameter, collection] : settings.collections) out.set(parameter, collection);
  // hub and enterprise share a database.
  std::map<std::pair<bool, std::string>, std::string> taken;
  for (const auto service : {Service::kCas, Service::kHub, Service::kEnterprise}) {
    for (const auto& [parameter, collection] : out.of(service)) {
      const auto [other, added] = taken.try_emplace({service == Service::kCas, collection}, parameter);
      if (added) continue;
      throw Error(Exit::kUsage,
                  fmt::format("{} and {} are set to one collection, '{}'", other->second, parameter, collection),
                  "Each has one of its own: --set PARAMETER=COLLECTION.");
    }
  }
  return out;
}

std::string shown(const ServiceHead& head) {
  if (!head.present) return "not present";
  if (head.unfinished_to) {
    return fmt::format("{} (half-way to v{})", head.version ? "v" + *head.version : "not known", *head.unfinished_to);
  }
  if (!head.version) return fmt::format("not known, {} or later", first_version(head.service));
  return "v" + *head.version + (head.guessed ? " (guessed)" : head.failed ? " (the last run failed)" : "");
}

std::vector<ServiceHead> service_heads(Mongo& main, Mongo* cas, const std::optional<std::string>& config_version,
                                       const VersionMap& versions, const Parameters& parameters) {
  std::vector<ServiceHead> out;
  const auto by = version_for_guesses(main, config_version);
  for (const auto service : {Service::kCas, Service::kHub, Service::kEnterprise}) {
    auto* mongo = service == Service::kCas ? cas : &main;
    if (mongo) out.push_back(read_service_head(*mongo, service, by, versions, parameters));
  }
  return out;
}

ServiceMigration::ServiceMigration(const Chosen& chosen, const Settings& settings, const Globals& globals,
                                   Deployment& main, const Log& log)
    : settings_(settings),
      catalogue_(globals.catalogue()),
      versions_(globals.versions()),
      parameters_(parameters_of(settings)),
      main_(main),
      homes_(chosen.has(Service::kCas), settings, main, log) {
  for (const auto service : chosen.services) {
    if (service != Service::kDatasets) services_.push_back(service);
  }
  heads_ = read_heads();
}

std::vector<ServiceHead> ServiceMigration::read_heads() const {
  std::vector<ServiceHead> out;
  const auto by = guessed_from();
  for (const auto service : services_) {
    out.push_back(read_service_head(home(service), service, by, versions_, parameters_));
  }
  return out;
}

std::optional<std::string> ServiceMigration::guessed_from() const {
  return version_for_guesses(main_.session.mongo(), main_.found.heads.database);
}

ServiceRunner ServiceMigration::runner(Service service, RunObserver& observer) {
  ServiceSettings settings;
  settings.run = part_of_run(run_, name_of(service));
  settings.undo_log = settings_.undo_log;
  settings.allow_drop = settings_.allow_drop;
  settings.control = control_;
  return ServiceRunner(home(service), main_.session.mongo(), catalogue_, parameters_, settings, observer);
}

void ServiceMigration::set_control(Control& control) {
  control_ = &control;
  if (homes_.cas()) control.watch(*homes_.cas());
}

std::optional<std::string> ServiceMigration::suspicion() {
  if (!homes_.cas()) return std::nullopt;
  if (auto other = homes_.suspect_cas(parameters_)) return other;
  const auto head = std::ranges::find(heads_, Service::kCas, &ServiceHead::service);
  if (head == heads_.end() || head->present || !head->guessed) return std::nullopt;
  const auto& stored = main_.found.heads.database;
  const auto* pair = stored && Version::try_parse(*stored) ? versions_.newest_for_open_source(*stored) : nullptr;
  const auto first = Version::parse(first_version(Service::kCas));
  if (!pair || VersionMap::deployment_number(pair->enterprise) < first) return std::nullopt;
  return fmt::format("The database '{}' has no collection of cas: is CAS_DATABASE_NAME right?",
                     homes_.cas()->database());
}

bool ServiceMigration::unfinished() const {
  return std::ranges::any_of(heads_, [](const ServiceHead& head) { return head.unfinished_to.has_value(); });
}

void note_done(ServiceHomes& homes, const std::string& run, const ServiceReport& done) {
  History(homes.main())
      .note_service(run, name_of(done.service),
                    Document{{"state", "done"},
                             {"edited", done.edited},
                             {"removed", done.removed},
                             {"restored", done.restored},
                             {"left", static_cast<std::int64_t>(done.left.size())}});
}

void finish_half_way(ServiceHomes& homes, Service service, ServiceRunner runner) {
  const auto left = ServiceVersion(homes.of(service), service).unfinished();
  if (!left) return;
  if (const auto done = runner.roll_forward(service)) note_done(homes, run_of_part(left->run), *done);
}

void ServiceMigration::roll_forward(RunObserver& observer) {
  if (!unfinished()) return;
  require_rights();
  lock();
  for (const auto& head : heads_) {
    if (head.unfinished_to) finish_half_way(homes_, head.service, runner(head.service, observer));
  }
  heads_ = read_heads();
}

void ServiceMigration::make_plan(const std::string& target, bool explicit_target, bool adopt) {
  heads_ = read_heads();
  accepted_.clear();
  for (const auto service : services_) {
    const auto changed = changed_revisions(home(service), catalogue_, service);
    if (changed.empty()) continue;
    if (adopt) {
      accepted_.push_back(service);
      continue;
    }
    throw Error(Exit::kMismatch,
                fmt::format("Revisions of {} have been applied with another content than they have now: {}",
                            name_of(service), fmt::join(changed, ", ")),
                "Give --catalogue the files that were applied, or take them as they are now with --adopt: they are not "
                "run again.");
  }
  ServicesRequest request;
  request.services = services_;
  request.target = target;
  request.explicit_target = explicit_target;
  if (const auto version = guessed_from(); version && Version::try_parse(*version)) {
    if (const auto* pair = versions_.newest_for_open_source(*version)) {
      request.deployment = VersionMap::deployment_number(pair->enterprise).str();
    }
  }
  plan_ = plan_services(catalogue_, heads_, request);
}

void ServiceMigration::survey(RunObserver& observer, std::int64_t now_ms, const std::string& seed) {
  surveys_.clear();
  losses_.clear();
  duplicates_.clear();
  clashes_.clear();
  for (const auto* routes : {&plan_.up, &plan_.down}) {
    for (const auto& route : *routes) {
      const auto begun = std::chrono::steady_clock::now();
      auto found = runner(route.service, observer).survey(route, now_ms, seed);
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
      losses_.insert(losses_.end(), found.losses.begin(), found.losses.end());
      for (const auto& one : found.duplicates) {
        auto text = fmt::format("{}: {} with equal {} in {}: ", name_of(route.service), format_count(one.documents + 1),
                                one.keys, one.collection);
        if (one.there) {
          text += fmt::format("{} (unique index {})", fmt::join(one.examples, "; "), one.index);
          clashes_.push_back(std::move(text));
        } else {
          duplicates_.push_back(text + some(one.examples, "; "));
        }
      }
      surveys_.push_back({route.service, std::move(found), took.count()});
    }
  }
}

void ServiceMigration::require_rights() {
  for (const auto service : services_) fm::require_rights(home(service), needed_service_rights());
}

void ServiceMigration::lock() {
  homes_.lock();
  if (homes_.cas()) refuse_while_restoring(*homes_.cas());
  if (std::exchange(locked_, true)) return;
  const auto now = read_heads();
  if (std::equal(now.begin(), now.end(), heads_.begin(), heads_.end(), same)) return;
  throw Error(Exit::kMismatch, "The services have moved since they were planned; nothing was written",
              "Run the same command again.");
}

void ServiceMigration::refuse_losses() const {
  if (losses_.empty() || settings_.undo_log) return;
  std::string text = "Going down removes values of services for good:";
  for (const auto& loss : losses_) {
    text += fmt::format("\n  {} v{}  {}: {}", name_of(loss.service), loss.revision, loss.what, loss.documents);
  }
  throw Error(Exit::kIncompatible, text, "Back both databases up and repeat the command with --allow-loss.");
}

void ServiceMigration::refuse_clashes() const {
  if (clashes_.empty()) return;
  throw Error(Exit::kPrecondition,
              fmt::format("Documents would have equal values in unique indexes; nothing was written:\n  {}",
                          fmt::join(clashes_, "\n  ")),
              "One of each is there now, the other comes back or gets its value on this way: remove or rename the one "
              "that is there.");
}

void ServiceMigration::refuse_duplicates() const {
  if (duplicates_.empty()) return;
  throw Error(Exit::kPrecondition,
              fmt::format("Unique indexes cannot be made; nothing was written:\n  {}", fmt::join(duplicates_, "\n  ")),
              "Remove or rename all but one of each, or leave these indexes out with --error-level 1.");
}

std::set<std::string> ServiceMigration::touched(bool of_cas) {
  std::set<std::string> out;
  for (const auto* routes : {&plan_.up, &plan_.down}) {
    for (const auto& route : *routes) {
      if ((route.service == Service::kCas) != of_cas) continue;
      for (const auto* revision : route.route.revisions) {
        // A way up brings back what the way down took, too.
        for (const auto* steps : {&revision->up, &revision->down}) {
          for (const auto& step : *steps) out.insert(parameters_.collection(step.target.collection));
        }
      }
      if (!route.leaves || !settings_.allow_drop) continue;
      for (const auto& [parameter, name] : parameters_.of(route.service)) out.insert(name);
    }
  }
  auto& mongo = of_cas ? *homes_.cas() : homes_.main();
  for (const auto& name : mongo.collection_names()) {
    if (name.starts_with("migrator.")) out.insert(name);
  }
  return out;
}

Mongo* ServiceMigration::cas_database() {
  const auto goes = [](const std::vector<ServiceRoute>& routes) {
    return std::ranges::find(routes, Service::kCas, &ServiceRoute::service) != routes.end();
  };
  return goes(plan_.up) || goes(plan_.down) ? homes_.cas() : nullptr;
}

std::string ServiceMigration::cas_identity() {
  return homes_.cas() ? database_identity(*homes_.cas(), parameters_.collection("cas.users")) : "";
}

SavedServices ServiceMigration::saved(const Chosen& chosen, const std::string& target) {
  SavedServices out;
  for (const auto service : chosen.services) out.chosen.emplace_back(name_of(service));
  out.target = target;
  out.heads = heads_;
  if (homes_.cas()) out.cas_database = homes_.cas()->database();
  out.cas_identity = cas_identity();
  return out;
}

void ServiceMigration::check_saved(const SavedServices& saved, const std::string& file) {
  check_services(saved, heads_, homes_.cas() ? homes_.cas()->database() : "", cas_identity(), file);
}

RunServices ServiceMigration::parts() {
  RunServices out;
  for (const auto& route : plan_.up) out.up.emplace_back(name_of(route.service));
  for (const auto& route : plan_.down) out.down.emplace_back(name_of(route.service));
  homes_.name_cas(out, parameters_);
  return out;
}

void ServiceMigration::run(const std::vector<ServiceRoute>& routes, RunObserver& observer, std::int64_t now_ms,
                           const std::string& seed) {
  for (const auto& route : routes) {
    observer.phase(name_of(route.service), 0);
    try {
      if (control_) control_->checkpoint();
      reports_.push_back(runner(route.service, observer).run(route, now_ms, seed));
      note_done(homes_, run_, reports_.back());
    } catch (const Error& error) {
      if (is_lost(error)) throw;
      if (is_stop(error.code())) {
        throw Error(error.code(), fmt::format("{}, at {} ({})", error.what(), name_of(route.service), standing()),
                    error.remedy());
      }
      throw Error(
          error.code(),
          fmt::format("{} failed: {}\nThe services stand so: {}; {}", name_of(route.service), error.what(), standing(),
                      route.route.direction == Direction::kUp ? "datasets were not begun" : "datasets have arrived"),
          fmt::format("Mend that and run the same command again: it goes on where this one stopped. Or take the whole "
                      "run back: fiftyone-migrator undo {}.",
                      run_));
    }
  }
}

void ServiceMigration::run_up(RunObserver& observer, std::int64_t now_ms, const std::string& seed) {
  for (const auto service : accepted_) accept_changed_revisions(home(service), catalogue_, service);
  run(plan_.up, observer, now_ms, seed);
}

void ServiceMigration::run_down(RunObserver& observer, std::int64_t now_ms, const std::string& seed) {
  run(plan_.down, observer, now_ms, seed);
}

std::vector<ServiceCost> ServiceMigration::costs() const {
  std::vector<ServiceCost> out;
  for (const auto& [service, found, took] : surveys_) {
    ServiceCost cost{name_of(service), 0, 0, took};
    for (const auto& one : found.collections) {
      cost.documents += written(one);
      cost.bytes += one.bytes;
    }
    if (cost.documents > 0) out.push_back(std::move(cost));
  }
  return out;
}

std::string ServiceMigration::plan_text(const Style& style) const {
  std::vector<std::vector<std::string>> rows;
  const auto add = [&](const ServiceRoute& route) {
    rows.push_back({name_of(route.service), home(route.service).database(), at(route.route.from),
                    route.leaves ? "v" + route.route.to + " (without it)" : "v" + route.route.to,
                    word(route.route.direction), revision_list(route.route, &Revision::id)});
  };
  for (const auto& route : plan_.up) add(route);
  for (const auto& route : plan_.down) add(route);
  std::string out;
  if (!rows.empty()) {
    out += style.heading("Services, in this order, datasets " +
                         std::string(plan_.up.empty()     ? "first"
                                     : plan_.down.empty() ? "last"
                                                          : "between the ways up and down") +
                         ":") +
           "\n" + text_table({"service", "database", "from", "to", "way", "revisions"}, rows);
  }
  for (const auto& one : plan_.staying) out += fmt::format("{}: {}\n", name_of(one.service), one.why);
  rows.clear();
  for (const auto* routes : {&plan_.up, &plan_.down}) {
    for (const auto& [service, route, leaves] : *routes) {
      const std::string undoes = route.direction == Direction::kUp ? "" : "Undoes: ";
      for (const auto* revision : route.revisions) {
        rows.push_back({revision->id, name_of(service), undoes + revision->title});
      }
    }
  }
  if (!rows.empty()) {
    out += "\n" + style.heading("Revisions of services, in the order they run:") + "\n" +
           text_table({"revision", "of", "what it does"}, rows);
  }
  rows.clear();
  for (const auto& [service, found, took] : surveys_) {
    for (const auto& one : found.collections) {
      rows.push_back({name_of(service), one.name, format_count(one.edited), format_count(one.removed),
                      format_count(one.restored), format_bytes(static_cast<std::uint64_t>(one.bytes))});
    }
  }
  if (!rows.empty()) {
    out += "\n" + style.heading("Documents of services to write:") + "\n" +
           text_table({"service", "collection", "edited", "removed", "given back", "size"}, rows);
  }
  for (const auto& [service, found, took] : surveys_) {
    if (found.indexes.empty()) continue;
    out += fmt::format("Indexes of {}: {}\n", name_of(service), fmt::join(found.indexes, ", "));
  }
  for (const auto& [service, found, took] : surveys_) {
    if (found.absent.empty()) continue;
    out +=
        fmt::format("{} has no collection {}: nothing to do there\n", name_of(service), fmt::join(found.absent, ", "));
  }
  for (const auto& [service, found, took] : surveys_) {
    if (found.warnings.empty()) continue;
    out += "\n" + style.heading(fmt::format("Of {}:", name_of(service))) + "\n";
    for (const auto& text : found.warnings) out += "  " + text + "\n";
    if (found.more_warnings > 0) out += fmt::format("  and {} more\n", format_count(found.more_warnings));
  }
  if (!duplicates_.empty()) {
    out += fmt::format("\n{}\n  {}\n", style.error("Refused, because unique indexes cannot be made:"),
                       fmt::join(duplicates_, "\n  "));
  }
  if (!clashes_.empty()) {
    out += fmt::format("\n{}\n  {}\n",
                       style.error("Refused, because unique indexes that are there allow no equal values:"),
                       fmt::join(clashes_, "\n  "));
  }
  rows.clear();
  for (const auto& loss : losses_) {
    rows.push_back({name_of(loss.service), "v" + loss.revision, loss.what, format_count(loss.documents),
                    some(loss.examples, ", ")});
  }
  if (!rows.empty()) {
    out += "\n" + style.heading(settings_.undo_log ? "Taken away, and kept for the way up:" : "Lost on the way down:") +
           "\n" + text_table({"service", "revision", "what", "documents", "for example"}, rows);
  }
  return out;
}

Array ServiceMigration::plan_documents() const {
  Array out;
  const auto add = [&](const ServiceRoute& route) {
    Array revisions;
    for (const auto* revision : route.route.revisions) {
      revisions.append(Document{{"id", revision->id}, {"title", revision->title}, {"checksum", revision->checksum}});
    }
    Array collections;
    Array losses;
    Array duplicates;
    Array warnings;
    Array absent;
    Array indexes;
    std::int64_t more_warnings = 0;
    for (const auto& [service, found, took] : surveys_) {
      if (service != route.service) continue;
      for (const auto& text : found.absent) absent.append(text);
      for (const auto& text : found.indexes) indexes.append(text);
      more_warnings = found.more_warnings;
      for (const auto& text : found.warnings) warnings.append(text);
      for (const auto& one : found.collections) {
        collections.append(Document{{"collection", one.name},
                                    {"edited", one.edited},
                                    {"removed", one.removed},
                                    {"restored", one.restored},
                                    {"bytes", one.bytes}});
      }
      for (const auto& loss : found.losses) {
        losses.append(Document{{"revision", loss.revision},
                               {"what", loss.what},
                               {"documents", loss.documents},
                               {"examples", Array::of(loss.examples)}});
      }
      for (const auto& one : found.duplicates) {
        duplicates.append(Document{{"collection", one.collection},
                                   {"index", one.index},
                                   {"there", one.there},
                                   {"keys", one.keys},
                                   {"documents", one.documents},
                                   {"examples", Array::of(one.examples)}});
      }
    }
    out.append(Document{{"service", name_of(route.service)},
                        {"database", home(route.service).database()},
                        {"from", route.route.from.empty() ? Value() : Value(route.route.from)},
                        {"to", route.route.to},
                        {"direction", word(route.route.direction)},
                        {"present", !route.leaves},
                        {"revisions", std::move(revisions)},
                        {"documents", std::move(collections)},
                        {"indexes", std::move(indexes)},
                        {"losses", std::move(losses)},
                        {"duplicates", std::move(duplicates)},
                        {"warnings", std::move(warnings)},
                        {"more_warnings", more_warnings},
                        {"absent", std::move(absent)}});
  };
  for (const auto& route : plan_.up) add(route);
  for (const auto& route : plan_.down) add(route);
  for (const auto& one : plan_.staying) {
    out.append(Document{{"service", name_of(one.service)}, {"stays", one.why}});
  }
  return out;
}

std::string ServiceMigration::report_text() const {
  std::string out;
  for (const auto& one : reports_) {
    out += fmt::format("Migrated {} from {} to v{}: {} documents edited", name_of(one.service), at(one.from), one.to,
                       format_count(one.edited));
    if (one.removed > 0) out += fmt::format(", {} removed", format_count(one.removed));
    if (one.restored > 0) out += fmt::format(", {} restored", format_count(one.restored));
    out += ".\n";
  }
  for (const auto& one : plan_.staying) out += fmt::format("{}: {}.\n", name_of(one.service), one.why);
  return out;
}

Array ServiceMigration::report_documents() const {
  Array out;
  for (const auto& one : reports_) {
    out.append(Document{{"service", name_of(one.service)},
                        {"from", one.from.empty() ? Value() : Value(one.from)},
                        {"to", one.to},
                        {"edited", one.edited},
                        {"removed", one.removed},
                        {"restored", one.restored}});
  }
  for (const auto& one : plan_.staying) {
    out.append(Document{{"service", name_of(one.service)}, {"stays", one.why}});
  }
  return out;
}

std::string ServiceMigration::standing() const {
  std::vector<std::string> out;
  for (const auto& head : read_heads()) out.push_back(fmt::format("{}: {}", name_of(head.service), shown(head)));
  return fmt::format("{}", fmt::join(out, "; "));
}

}  // namespace fm::cli
