#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/text.h"
#include "bson/json.h"
#include "cli/counted.h"
#include "cli/deployment.h"
#include "cli/migration_options.h"
#include "cli/printable.h"
#include "cli/program.h"
#include "cli/prompt.h"
#include "cli/residue_commands.h"
#include "cli/service_homes.h"
#include "cli/table.h"
#include "exec/exclusive.h"
#include "exec/prepare.h"
#include "exec/prune.h"
#include "exec/rights.h"
#include "exec/set_aside.h"

namespace fm::cli {

using bson::Array;
using bson::Document;

namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

// What is kept in the second database is shown and removed, too, where its
// settings are there.
bool has_cas(const Deployment& deployment, const Settings& settings) {
  return deployment.enterprise() && settings.cas_database_uri && settings.cas_database_name;
}

int list(const Globals& globals, const Settings& settings) {
  const MongoDriver driver;
  const auto log = Log::to_stderr(settings, globals.quiet);
  Deployment deployment(settings, log);
  std::map<std::string, Version> there;
  for (const auto& head : deployment.found.heads.datasets) {
    there.emplace(id_key(head.id), Version::try_parse(head.version.value_or("0.0")).value_or(Version::parse("0.0")));
  }
  const auto samples = samples_of_datasets(deployment.session.mongo());
  std::vector<std::vector<std::string>> rows;
  // Documents of a service are many: a line for those of a collection that are alike,
  // and how many they are.
  std::map<std::vector<std::string>, std::pair<std::size_t, std::int64_t>> of_services;
  Array documents;
  const auto add = [&](const Image& image) {
    const auto of = samples.find(id_key(image.document));
    const bool is_there = of != samples.end() && there.contains(of->first);
    const bool orphaned = image.of_dataset() && (!is_there || !image.is_of(of->second));
    const auto is_below = [&](const std::string& revision) {
      const auto version = Version::try_parse(revision);
      return version && *version <= there.at(id_key(image.document)).base();
    };
    // Lifted by another client, or edited: `residue apply`.
    const bool waits =
        !orphaned && image.service == "datasets" && std::any_of(image.open.begin(), image.open.end(), is_below);
    const std::string state = orphaned ? "orphaned" : waits ? "waiting" : image.open.empty() ? "for undo" : "live";
    const auto shown = [](const std::string& text) { return text.empty() ? text : version_text(text); };
    const bool whole = image.of_dataset();
    std::vector<std::string> row{
        image.run,         image.service,   one_line(whole ? image.name : image.collection, kNameCells),
        shown(image.from), shown(image.to), state,
        joined(image.open)};
    if (whole) {
      rows.push_back(std::move(row));
    } else {
      const auto [at, added] = of_services.try_emplace(row, rows.size(), 0);
      if (added) rows.push_back(std::move(row));
      ++at->second.second;
    }
    documents.append(Document{{"run", image.run},
                              {"service", image.service},
                              {"name", image.name},
                              {"_id", image.document},
                              {"from", image.from},
                              {"to", image.to},
                              {"state", state},
                              {"revisions", Array::of(image.open)}});
  };
  Residue(deployment.session.mongo()).each(add);
  Array collections;
  for (const auto& one : collections_set_aside(deployment.session.mongo())) {
    rows.push_back({one.run, "", "collection " + one.name, "", "", "set aside", ""});
    collections.append(Document{{"run", one.run}, {"name", one.name}});
  }
  ServiceHomes homes(has_cas(deployment, settings), settings, deployment, log);
  if (homes.cas()) Residue(*homes.cas()).each(add);
  for (const auto& [row, found] : of_services) rows[found.first][2] += ": " + counted(found.second, "document");
  globals.print(rows.empty() ? "Nothing is kept.\n"
                             : text_table({"run", "service", "dataset", "from", "to", "state", "comes back in"}, rows),
                Document{{"images", std::move(documents)}, {"collections", std::move(collections)}});
  return 0;
}

struct PruneOptions {
  std::string run;
  bool all = false;
  SettingFlags flags;
};

// Unless this is for deleted datasets alone: nothing can give it back.
void ask_before(const std::string& run, bool all, const Settings& settings) {
  if ((run.empty() && !all) || settings.yes || !can_ask()) return;
  const auto question = all ? "Remove all that is kept? No run can be taken back then."
                            : "Remove all that run " + run + " kept? It can no longer be taken back then.";
  if (!ask(question)) throw Error(Exit::kRefused, "Nothing was written: the answer was no", "--yes asks nothing.");
}

int prune(const PruneOptions& options, const Globals& globals) {
  const auto settings = globals.load(options.flags);
  require_admin(settings);
  const MongoDriver driver;
  const auto log = Log::to_stderr(settings, globals.quiet);
  Deployment deployment(settings, log);
  auto& mongo = deployment.session.mongo();
  require_rights(mongo);
  const auto run = options.run.empty() ? "" : find_kept_run(mongo, options.run);
  ask_before(run, options.all, settings);
  Exclusive exclusive(mongo, "");
  exclusive.take(deployment.found);
  ServiceHomes homes(has_cas(deployment, settings), settings, deployment, log);
  if (homes.cas()) require_rights(*homes.cas(), needed_service_rights());
  homes.lock();
  auto pruned = prune_residue(mongo, {run, options.all});
  // That of cas is a part, and goes with the run or with all.
  const bool goes = options.all || (!run.empty() && homes.cas() &&
                                    Residue(*homes.cas()).run(part_of_run(run, name_of(Service::kCas))));
  if (homes.cas() && goes && homes.cas()->collection_names().contains(kResidue))
    pruned.images += prune_residue(*homes.cas(), {run, options.all}).images;
  globals.print("Removed " + format_count(pruned.images) + " images of datasets, " + format_count(pruned.members) +
                    " of samples and frames, " + format_count(pruned.files) + " files, and " +
                    format_count(pruned.collections) + " collections of no dataset.\n",
                Document{{"images", pruned.images},
                         {"members", pruned.members},
                         {"files", pruned.files},
                         {"collections", pruned.collections}});
  return 0;
}

}  // namespace

void setup_residue(Program& program) {
  auto* command = program.app.add_subcommand("residue", "Lists, gives back or removes what runs keep.");
  command->require_subcommand(0, 1);
  auto* show = command->add_subcommand("list", "What is kept, by run and dataset; writes nothing.");
  show->callback([&program] { program.run = [&program] { return list(program.globals, program.globals.load()); }; });
  setup_residue_apply(program, *command);
  auto options = std::make_shared<PruneOptions>();
  auto* remove = command->add_subcommand("prune", "Removes for good what belongs to deleted datasets.");
  auto* one = remove->add_option("--run", options->run, "all that this run kept: it can no longer be taken back")
                  ->option_text("RUN");
  remove->add_flag("--all", options->all, "everything")->excludes(one);
  add_setting(*remove, options->flags, "--yes", "yes", "ask nothing");
  remove->callback(
      [options, &program] { program.run = [options, &program] { return prune(*options, program.globals); }; });
}

}  // namespace fm::cli
