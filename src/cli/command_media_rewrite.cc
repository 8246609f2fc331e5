#include <fmt/format.h>
#include <unistd.h>

#include <memory>

#include "base/text.h"
#include "cli/deployment.h"
#include "cli/media_commands.h"
#include "cli/migration_options.h"
#include "cli/program_version.h"
#include "cli/signals.h"
#include "cli/table.h"
#include "config/environment.h"
#include "exec/control.h"
#include "exec/restore_mark.h"
#include "media/rewrite.h"
#include "media/verify_media.h"
#include "store/lease.h"

namespace fm::cli {

using bson::Array;
using bson::Document;

namespace {

struct RewriteOptions {
  std::string name;
  std::vector<std::string> from;
  std::vector<std::string> to;
  std::vector<std::string> fields;
  bool check = false;
  SettingFlags flags;
};

constexpr std::size_t kShown = 20;

media::Remap remap_of(const RewriteOptions& options) {
  if (options.from.size() != options.to.size()) {
    throw Error(Exit::kUsage, "Each --from needs a --to");
  }
  std::vector<media::PrefixRule> rules;
  for (std::size_t i = 0; i < options.from.size(); ++i) rules.push_back({options.from[i], options.to[i]});
  return media::Remap(std::move(rules));
}

std::int64_t matched(const std::vector<media::PathCount>& counts) {
  std::int64_t out = 0;
  for (const auto& count : counts) out += count.matched();
  return out;
}

std::string counts_text(const std::vector<media::PathCount>& counts, const Style& style) {
  std::vector<std::vector<std::string>> rows;
  std::string others;
  for (const auto& count : counts) {
    rows.push_back({count.field.name, format_count(count.matched()), format_count(count.unmatched)});
    for (const auto& example : count.examples) others += "  " + count.field.name + "  " + example + "\n";
  }
  auto out = text_table({"field", "fit", "left alone"}, rows);
  if (!others.empty()) out += "\n" + style.heading("Left alone, for example:") + "\n" + others;
  return out;
}

Document counts_document(const std::vector<media::PathCount>& counts, const media::Remap& remap) {
  Array rules;
  for (const auto& rule : remap.rules()) rules.append(Document{{"from", rule.from}, {"to", rule.to}});
  Array fields;
  for (const auto& count : counts) {
    fields.append(Document{{"field", count.field.name},
                           {"matched", count.matched()},
                           {"by_rule", Array::of(count.by_rule)},
                           {"unmatched", count.unmatched},
                           {"unmatched_examples", Array::of(count.examples)}});
  }
  return {{"rules", std::move(rules)}, {"fields", std::move(fields)}};
}

// Every new path has to be there.
void check_targets(Mongo& mongo, const media::MediaDataset& dataset, const std::vector<media::MediaField>& fields,
                   const media::Remap& remap, Progress& progress) {
  media::Stores stores{media::MediaConfig(Environment::process())};
  progress.phase("Looking at new paths", 1);
  const auto check =
      media::verify_media(mongo, dataset, fields, stores, {}, false, &remap,
                          [&](std::int64_t done, std::int64_t total) { progress.collection("paths", done, total); });
  progress.clear();
  if (check.faults == 0) return;
  std::string lines;
  for (std::size_t i = 0; i < check.first.size() && i < kShown; ++i) {
    lines += "\n  " + check.first[i].path + " " + check.first[i].fault;
  }
  throw Error(
      Exit::kPrecondition,
      fmt::format("{} of {} new paths lead nowhere:{}", format_count(check.faults), format_count(check.objects), lines),
      "Nothing was written.");
}

int run_rewrite(const RewriteOptions& options, const Globals& globals) {
  const auto settings = globals.load(options.flags);
  const auto remap = remap_of(options);
  const auto log = Log::to_stderr(settings, globals.quiet);
  const MongoDriver driver;
  Deployment deployment(settings, log);
  auto& mongo = deployment.session.mongo();
  std::optional<Lease> lease;
  if (!settings.dry_run) lease.emplace(mongo);
  refuse_while_restoring(mongo);
  const auto dataset = media::open_dataset(mongo, options.name);
  const auto fields =
      media::select_fields(dataset, options.fields.empty() ? std::vector<std::string>{"*"} : options.fields);
  const auto counts = media::count_paths(mongo, dataset, fields, remap);
  auto document = counts_document(counts, remap);
  auto text = counts_text(counts, globals.style(STDOUT_FILENO));
  const auto total = matched(counts);
  Progress progress(globals.progress_mode(), &log);
  if (options.check) check_targets(mongo, dataset, fields, remap, progress);
  if (settings.dry_run) {
    document.append("dry_run", true);
    globals.print(text + fmt::format("\nWould rewrite {} paths; nothing was written.\n", format_count(total)),
                  document);
    return 0;
  }
  progress.phase("Rewriting", 1);
  Control control(mongo, {}, StopSignals::asked, warn_over(progress, log));
  const StopSignals signals(log);
  const auto run = media::rewrite_paths(mongo, dataset, fields, remap, {globals.command_line, program_version()},
                                        [&](const std::string& collection, std::int64_t done, std::int64_t of) {
                                          progress.collection(collection, done, of);
                                          control.checkpoint();
                                        });
  progress.clear();
  document.append("run", run.empty() ? bson::Value() : bson::Value(run));
  if (run.empty()) {
    text += "\nNothing to do: no path fits.\n";
  } else {
    text += fmt::format("\nRewrote {} paths. `fiftyone-migrator media undo {}` takes this back.\n", format_count(total),
                        run);
  }
  globals.print(text, document);
  return 0;
}

}  // namespace

void setup_media_rewrite(Program& program, CLI::App& media) {
  auto options = std::make_shared<RewriteOptions>();
  auto* command = media.add_subcommand("rewrite", "Other prefixes for paths, on the server.");
  command->add_option("NAME", options->name, "a dataset")->required()->option_text("NAME");
  command->add_option("--from", options->from, "a prefix, and all below it; the longest one wins")
      ->required()
      ->option_text("P")
      ->allow_extra_args(false);
  command->add_option("--to", options->to, "what takes its place; one for each --from")
      ->required()
      ->option_text("P")
      ->allow_extra_args(false);
  command->add_option("--media-field", options->fields, "only this field; several times, all unless given")
      ->option_text("F")
      ->allow_extra_args(false);
  command->add_flag("--check", options->check, "write nothing unless every new path is there");
  add_setting(*command, options->flags, "--dry-run", "dry_run", "count, and write nothing");
  command->callback(
      [options, &program] { program.run = [options, &program] { return run_rewrite(*options, program.globals); }; });
}

}  // namespace fm::cli
