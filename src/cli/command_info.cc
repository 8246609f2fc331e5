#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/text.h"
#include "cli/counted.h"
#include "cli/deployment.h"
#include "cli/parked.h"
#include "cli/printable.h"
#include "cli/program.h"
#include "cli/service_migration.h"
#include "cli/table.h"
#include "exec/give_back.h"
#include "exec/restore_mark.h"
#include "exec/unfinished.h"
#include "plan/plan.h"
#include "revisions/catalogue.h"

namespace fm::cli {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

// All that the command shows, read once.
struct Facts {
  const Settings& settings;
  const Deployment& deployment;
  const Parked parked;
  const std::vector<Waiting> waiting;
  std::vector<ServiceHead> services;             // of an Enterprise deployment; cas only where its settings are there
  std::optional<std::string> enterprise;         // newest Enterprise version with the database's data model
  std::optional<Error> no_cas;                   // why that of cas is not among them
  std::vector<std::string> services_to_upgrade;  // those of `services` that `migrate` would take up
  std::optional<Plan> upgrade;
  std::string no_upgrade;  // why there is no plan
  std::optional<UnfinishedRun> unfinished;
  std::optional<RestoreMark> restore;

  const Heads& heads() const { return deployment.found.heads; }
};

const char* edition_name(Edition edition) { return edition == Edition::kEnterprise ? "enterprise" : "open source"; }

// Oldest first, what is no version last.
struct ByVersion {
  bool operator()(const std::string& a, const std::string& b) const {
    const auto left = Version::try_parse(a);
    const auto right = Version::try_parse(b);
    if (left && right && *left != *right) return *left < *right;
    if (left.has_value() != right.has_value()) return left.has_value();
    return a < b;
  }
};

// Datasets that are not half-way, by the version they are stored with.
std::map<std::string, std::vector<std::string>, ByVersion> by_version(const Heads& heads) {
  std::map<std::string, std::vector<std::string>, ByVersion> out;
  for (const auto& head : heads.datasets) {
    if (head.version != kParkedVersion) out[head.version.value_or("0.0")].push_back(head.name.value_or("(no name)"));
  }
  return out;
}

std::vector<const DatasetHead*> parked_datasets(const Heads& heads) {
  std::vector<const DatasetHead*> out;
  for (const auto& head : heads.datasets) {
    if (head.version == kParkedVersion) out.push_back(&head);
  }
  return out;
}

std::string some_names(const std::vector<std::string>& names) {
  constexpr std::size_t kRoom = 48;
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0 && display_width(out) + display_width(names[i]) > kRoom) {
      return out + fmt::format(", {} more", format_count(static_cast<std::int64_t>(names.size() - i)));
    }
    out += (i > 0 ? ", " : "") + names[i];
  }
  return out;
}

std::string upgrade_text(const Facts& facts) {
  const auto& services = facts.services_to_upgrade;
  const auto others =
      fmt::format("{}{}", services.size() == 1 ? "the service " : "the services ", fmt::join(services, ", "));
  if (!facts.upgrade) return facts.no_upgrade + (services.empty() ? "" : "; " + others + " (see plan)");
  const auto& plan = *facts.upgrade;
  if (plan.nothing_to_do()) return services.empty() ? "nothing to do" : others + " (see plan)";
  const bool database = !plan.database.empty() || plan.save_database_version;
  const auto datasets = database && plan.datasets.empty() ? "" : counted(plan.datasets.size(), "dataset");
  std::string out = fmt::format("{}{}{} to {}", database ? "the database" : "",
                                database && !datasets.empty() ? " and " : "", datasets, version_text(plan.target));
  const auto half_way = std::ranges::count_if(plan.refused, [&](const Refusal& one) {
    return one.head && facts.heads().datasets[*one.head].version == kParkedVersion;
  });
  const auto refused = static_cast<std::int64_t>(plan.refused.size()) - half_way;
  if (half_way > 0) out += fmt::format("; {} half-way", format_count(half_way));
  if (refused > 0) out += fmt::format("; {} refused", format_count(refused));
  if (!services.empty()) out += "; " + others;
  return out + " (see plan)";
}

std::string service_label(const ServiceHead& head) {
  std::string out = name_of(head.service);
  out[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(out[0])));
  return out + ":";
}

std::string info_text(const Facts& facts, const Style& style) {
  const auto& catalogue = built_in_catalogue();
  const auto& heads = facts.heads();
  std::string out;
  const auto width = facts.services.empty() ? 10 : 11;  // "Enterprise:"
  const auto line = [&](const char* name, const std::string& text) {
    out += style.heading(fmt::format("{:<{}}", name, width)) + " " + text + "\n";
  };
  line("Database:", facts.settings.database_name + " (" + place(facts.settings) + ")");
  line("Edition:", edition_name(heads.edition));
  line("Version:",
       heads.database.value_or("none stored") + (facts.enterprise ? " (Enterprise " + *facts.enterprise + ")" : ""));
  line("Newest:", catalogue.client + ", compatible with " + catalogue.compatible.str());
  line("Upgrade:", upgrade_text(facts));
  if (facts.no_cas) line("Cas:", fmt::format("cannot be read: {}", facts.no_cas->what()));
  for (const auto& service : facts.services) line(service_label(service).c_str(), shown(service));
  if (facts.unfinished) {
    const auto& run = *facts.unfinished;
    line("Run:", run.text() + (run.at_work ? ": at work" : ": interrupted"));
  }
  if (facts.restore) line("Restore:", facts.restore->text());
  line("Datasets:", format_count(static_cast<std::int64_t>(heads.datasets.size())));
  std::vector<std::vector<std::string>> rows;
  for (const auto& [version, names] : by_version(heads)) {
    rows.push_back({version, format_count(static_cast<std::int64_t>(names.size())), some_names(names)});
  }
  if (!rows.empty()) out += "\n" + text_table({"version", "datasets", "names"}, rows);
  rows.clear();
  for (const auto* head : parked_datasets(heads)) {
    rows.push_back({head->name.value_or("(no name)"), facts.parked.shown_version(*head)});
  }
  if (!rows.empty()) out += "\n" + style.heading("Half-way:") + "\n" + text_table({"dataset", "version"}, rows);
  if (facts.restore) out += "\n" + facts.restore->remedy() + "\n";
  if (facts.unfinished && !facts.unfinished->at_work) out += "\n" + facts.unfinished->remedy() + "\n";
  rows.clear();
  std::map<std::string, std::vector<std::string>> waiting;  // names by what waits
  for (const auto& one : facts.waiting) waiting[fmt::format("{}", fmt::join(one.revisions, " "))].push_back(one.name);
  for (const auto& [revisions, names] : waiting) {
    rows.push_back({format_count(static_cast<std::int64_t>(names.size())), some_names(names), revisions});
  }
  if (!rows.empty()) {
    out += "\n" + style.heading("Waiting in the undo log:") + "\n" +
           text_table({"datasets", "names", "what came in"}, rows) +
           "Another client took them up, or they were edited; `residue apply --dry-run` says what would come back.\n";
  }
  return out;
}

Value unfinished_document(const std::optional<UnfinishedRun>& run) {
  if (!run) return {};
  return Document{{"run", run->run},
                  {"what", run->what},
                  {"host", run->host},
                  {"pid", run->pid},
                  {"begun", bson::Date{run->begun_ms}},
                  {"half_way", run->half_way},
                  {"at_work", run->at_work},
                  {"remedy", run->remedy()}};
}

Value restore_document(const std::optional<RestoreMark>& restore) {
  if (!restore) return {};
  return Document{{"directory", restore->directory},
                  {"begun", bson::Date{restore->begun_ms}},
                  {"text", restore->text()},
                  {"remedy", restore->remedy()}};
}

Value text_or_null(const std::optional<std::string>& text) { return text ? Value(*text) : Value(); }

Document info_document(const Facts& facts) {
  const auto& catalogue = built_in_catalogue();
  const auto& heads = facts.heads();
  Array datasets;
  for (const auto& head : heads.datasets) {
    if (head.version == kParkedVersion) continue;
    datasets.append(Document{{"name", text_or_null(head.name)}, {"version", text_or_null(head.version)}});
  }
  Array versions;
  for (const auto& [version, names] : by_version(heads)) {
    versions.append(Document{{"version", version}, {"datasets", static_cast<std::int64_t>(names.size())}});
  }
  Array parked;
  for (const auto* head : parked_datasets(heads)) {
    const auto* way = facts.parked.find(*head);
    parked.append(Document{{"name", text_or_null(head->name)},
                           {"from", way ? Value(way->from) : Value()},
                           {"to", way ? Value(way->to) : Value()}});
  }
  Array waiting;
  for (const auto& one : facts.waiting) {
    waiting.append(Document{{"name", one.name},
                            {"version", one.version},
                            {"revisions", Array::of(one.revisions)},
                            {"runs", Array::of(one.runs)}});
  }
  Document upgrade{{"error", facts.no_upgrade}};
  if (facts.upgrade) {
    Array refused;
    for (const auto& refusal : facts.upgrade->refused) refused.append(refusal.error.what());
    upgrade = {{"target", facts.upgrade->target},
               {"database", !facts.upgrade->database.empty()},
               {"datasets", static_cast<std::int64_t>(facts.upgrade->datasets.size())},
               {"refused", std::move(refused)}};
  }
  upgrade.append("services", Array::of(facts.services_to_upgrade));
  Array services;
  if (facts.no_cas) {
    services.append(Document{
        {"service", name_of(Service::kCas)}, {"error", facts.no_cas->what()}, {"remedy", facts.no_cas->remedy()}});
  }
  for (const auto& head : facts.services) {
    services.append(Document{{"service", name_of(head.service)},
                             {"version", text_or_null(head.version)},
                             {"guessed", head.guessed},
                             {"present", head.present},
                             {"failed", head.failed},
                             {"half_way_to", text_or_null(head.unfinished_to)}});
  }
  return {{"database", facts.settings.database_name},
          {"place", place(facts.settings)},
          {"edition", edition_name(heads.edition)},
          {"version", text_or_null(heads.database)},
          {"enterprise_version", text_or_null(facts.enterprise)},
          {"newest_version", catalogue.client},
          {"compatible_versions", catalogue.compatible.str()},
          {"datasets", std::move(datasets)},
          {"dataset_versions", std::move(versions)},
          {"half_way", std::move(parked)},
          {"unfinished", unfinished_document(facts.unfinished)},
          {"restore", restore_document(facts.restore)},
          {"waiting", std::move(waiting)},
          {"services", std::move(services)},
          {"upgrade", std::move(upgrade)}};
}

std::optional<std::string> enterprise_version(const Heads& heads, const VersionMap& versions) {
  if (heads.edition != Edition::kEnterprise || !heads.database || !Version::try_parse(*heads.database)) {
    return std::nullopt;
  }
  const auto* pair = versions.newest_for_open_source(*heads.database);
  return pair ? std::optional(pair->enterprise) : std::nullopt;
}

void read_services(Facts& facts, const Globals& globals, Deployment& deployment) {
  if (!deployment.enterprise()) return;
  const auto heads = [&](Mongo* cas) {
    return service_heads(deployment.session.mongo(), cas, deployment.found.heads.database, globals.versions(),
                         parameters_of(facts.settings));
  };
  if (facts.settings.cas_database_uri && facts.settings.cas_database_name) {
    try {
      auto cas = Session::cas(facts.settings);
      facts.services = heads(&cas.mongo());
      return;
    } catch (const Error& error) {
      facts.no_cas = error;
    }
  }
  // The rest is worth knowing without it; what is wrong with the other database comes again.
  facts.services = heads(nullptr);
}

// Those that a migration to the newest version would take there.
std::vector<std::string> behind(const std::vector<ServiceHead>& heads, const Globals& globals) {
  ServicesRequest request;
  for (const auto& head : heads) request.services.push_back(head.service);
  request.target = service_target({}, globals.versions());
  std::vector<std::string> out;
  for (const auto& route : plan_services(globals.catalogue(), heads, request).up) {
    // What is guessed to be there already would only be written down.
    const auto head = std::ranges::find(heads, route.service, &ServiceHead::service);
    if (!head->guessed || !route.route.revisions.empty()) out.emplace_back(name_of(route.service));
  }
  return out;
}

// Of --check.
int status_of(const Facts& facts, Exit no_upgrade) {
  const auto is_half_way = [](const ServiceHead& head) { return head.failed || head.unfinished_to; };
  const bool half_way = facts.unfinished || facts.restore || !parked_datasets(facts.heads()).empty() ||
                        std::any_of(facts.services.begin(), facts.services.end(), is_half_way);
  if (half_way) return static_cast<int>(Exit::kPending);
  if (facts.no_cas) return static_cast<int>(facts.no_cas->code());
  if (!facts.upgrade) return static_cast<int>(no_upgrade);
  const bool idle =
      facts.upgrade->nothing_to_do() && facts.upgrade->refused.empty() && facts.services_to_upgrade.empty();
  return static_cast<int>(idle ? Exit::kDone : Exit::kPending);
}

int run_info(bool check, const Globals& globals) {
  const auto settings = globals.load();
  const auto log = Log::to_stderr(settings, globals.quiet);
  const MongoDriver driver;
  Deployment deployment(settings, log);
  const auto& heads = deployment.found.heads;
  Facts facts{settings,
              deployment,
              Parked(deployment.session.mongo(), heads),
              waiting(deployment.session.mongo(), heads),
              {},
              enterprise_version(heads, globals.versions()),
              std::nullopt,
              {},
              std::nullopt,
              "",
              unfinished_run(deployment.session.mongo()),
              RestoreMark::read(deployment.session.mongo())};
  read_services(facts, globals, deployment);
  facts.services_to_upgrade = behind(facts.services, globals);
  auto no_upgrade = Exit::kDone;
  try {
    facts.upgrade = make_plan(built_in_catalogue(), heads, {});
  } catch (const Error& error) {
    facts.no_upgrade = error.what();
    no_upgrade = error.code();
  }
  globals.print(info_text(facts, globals.style(STDOUT_FILENO)), info_document(facts));
  return check ? status_of(facts, no_upgrade) : 0;
}

}  // namespace

void setup_info(Program& program) {
  auto* command = program.app.add_subcommand("info", "Shows what versions are there; writes nothing.");
  auto check = std::make_shared<bool>(false);
  command->add_flag("--check", *check, "exit with 4 where something is to do or half-way");
  command->callback(
      [check, &program] { program.run = [check, &program] { return run_info(*check, program.globals); }; });
}

}  // namespace fm::cli
