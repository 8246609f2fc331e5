#include "cli/command_dataset.h"

#include "base/error.h"
#include "base/text.h"
#include "cli/counted.h"
#include "cli/plan_text.h"

namespace fm::cli {

using archive::OnConflict;
using bson::Document;

archive::Observer show_progress(Progress& progress, const Log& log) {
  archive::Observer out;
  out.phase = [&](const std::string& name) {
    progress.clear();
    progress.phase(name);
  };
  out.stop = [] { stop_on(StopSignals::asked()); };
  out.bytes = [&](std::int64_t done, std::int64_t total) { progress.bytes(done, total); };
  out.warning = [&](const std::string& text) {
    progress.clear();
    log.warning(text);
  };
  return out;
}

void require_admin(const Settings& settings, const char* doing) {
  if (settings.database_admin != false) return;
  throw Error(Exit::kRefused, std::string(doing) + " is for administrators, and FIFTYONE_DATABASE_ADMIN is false",
              "Unset it, or run this where the administrator does.");
}

void add_import_options(CLI::App& command, ImportOptions& options) {
  auto& request = options.request;
  command.add_option("--name", request.name, "its name there; without: its own")->option_text("NAME")->take_last();
  command.add_flag("--no-persistent", options.not_persistent, "SDK clients may delete it when they clean up");
  command.add_flag("--overwrite", request.overwrite, "a dataset of that name gives way, once all is there");
  command.add_option("--on-conflict", options.on_conflict, "samples or frames with the same id, or new ids for all")
      ->option_text("error|skip|replace|new-ids")
      ->check(CLI::IsMember({"error", "skip", "replace", "new-ids"}))
      ->take_last();
  command.add_option("--target-version", request.target_version, "migrate to this version, not the database's")
      ->option_text("VERSION")
      ->take_last();
  command.add_flag("--no-runs", options.no_runs, "leave annotation, brain and evaluation runs out");
  command.add_flag("--no-views", options.no_views, "leave saved views out");
  command.add_flag("--no-workspaces", options.no_workspaces, "leave workspaces out");
  add_setting(command, options.flags, "--allow-loss", "allow_loss", "going down may leave values out");
  add_setting(command, options.flags, "-j,--jobs", "jobs", "threads", "N");
}

archive::ImportRequest request_of(const ImportOptions& options, const Settings& settings) {
  auto out = options.request;
  if (out.name) out.name = Globals::as_typed(*out.name);
  out.own_name = true;
  out.persistent = !options.not_persistent;
  out.runs = !options.no_runs;
  out.views = !options.no_views;
  out.workspaces = !options.no_workspaces;
  out.on_conflict = options.on_conflict == "skip"      ? OnConflict::kSkip
                    : options.on_conflict == "replace" ? OnConflict::kReplace
                    : options.on_conflict == "new-ids" ? OnConflict::kNewIds
                                                       : OnConflict::kError;
  out.allow_loss = settings.allow_loss;
  out.jobs = jobs_of(settings);
  return out;
}

std::string import_text(const archive::ImportReport& report, const std::string& done, const Style& style) {
  auto out = (report.dry_run ? "Can be " + std::string(done == "Imported" ? "imported" : "copied") + " as '"
                             : style.heading(done) + " '") +
             report.name + "': " + counted(report.samples, "sample");
  if (report.frames > 0) out += ", " + counted(report.frames, "frame");
  if (report.from != report.to) out += ", migrated from v" + report.from + " to v" + report.to;
  out +=
      ", " + format_bytes(static_cast<std::uint64_t>(report.bytes)) + " in " + format_duration(report.seconds) + ".\n";
  const auto also = [&](std::int64_t count, const char* one) {
    if (count > 0) out += "  " + counted(count, one) + "\n";
  };
  also(report.runs, "run");
  also(report.views, "saved view");
  also(report.workspaces, "workspace");
  also(report.tags, "temporal tag");
  if (report.conflicts > 0) out += "  " + format_count(report.conflicts) + " more had an id that was there already\n";
  if (report.replaced && !report.dry_run) out += "  It took the place of the dataset of that name.\n";
  if (report.was_there) {
    out += "  An earlier run of the same command had done all of it, and lost its connection before it heard so.\n";
    return out;
  }
  if (report.resumed) out += "  It went on where a run before it stopped.\n";
  if (report.dry_run) out += "Nothing was written.\n";
  return out;
}

bson::Array losses_document(const std::vector<Tally>& losses) {
  bson::Array out;
  for (const auto& loss : losses) {
    out.append(Document{{"revision", loss.revision}, {"what", loss.what}, {"values", loss.values}});
  }
  return out;
}

bson::Array warnings_document(const std::vector<std::string>& warnings) {
  bson::Array out;
  for (const auto& warning : warnings) out.append(clean_utf8(warning));
  return out;
}

Document import_document(const archive::ImportReport& report) {
  return {{"name", clean_utf8(report.name)},
          {"id", report.id},
          {"from", report.from},
          {"to", report.to},
          {"samples", report.samples},
          {"frames", report.frames},
          {"tags", report.tags},
          {"runs", report.runs},
          {"views", report.views},
          {"workspaces", report.workspaces},
          {"bytes", report.bytes},
          {"conflicts", report.conflicts},
          {"replaced", report.replaced},
          {"resumed", report.resumed},
          {"dry_run", report.dry_run},
          {"seconds", report.seconds},
          {"losses", losses_document(report.losses)},
          {"warnings", warnings_document(report.warnings)}};
}

void setup_dataset(Program& program) {
  auto* group = program.app.add_subcommand("dataset", "Lists, exports, imports and copies datasets.");
  group->require_subcommand(0, 1);
  setup_dataset_list(*group, program);
  setup_dataset_export(*group, program);
  setup_dataset_import(*group, program);
  setup_dataset_copy(*group, program);
  setup_dataset_inspect(*group, program);
  setup_dataset_verify(*group, program);
}

}  // namespace fm::cli
