#include <unistd.h>

#include <memory>

#include "archive/export.h"
#include "base/text.h"
#include "cli/command_dataset.h"
#include "cli/counted.h"
#include "cli/plan_text.h"
#include "cli/program_version.h"

namespace fm::cli {

using archive::MediaMode;
using bson::Document;

namespace {

struct ExportOptions {
  archive::ExportRequest request;
  std::string media = "copy";
  bool unordered = false;
  bool no_runs = false;
  bool no_views = false;
  bool no_workspaces = false;
  SettingFlags flags;
};

MediaMode mode_of(const std::string& word) {
  if (word == "copy") return MediaMode::kCopy;
  if (word == "move") return MediaMode::kMove;
  return word == "symlink" ? MediaMode::kSymlink : MediaMode::kNone;
}

std::string text_of(const archive::ExportReport& report, const Style& style) {
  auto out = style.heading("Exported") + " '" + report.name + "' (v" + report.version + ") to " + report.directory +
             ": " + counted(report.samples, "sample");
  if (report.frames > 0) out += ", " + counted(report.frames, "frame");
  if (report.media_files > 0) {
    out += ", " + counted(report.media_files, "media file") + " (" +
           format_bytes(static_cast<std::uint64_t>(report.media_bytes)) + ")";
  }
  return out + ", " + format_bytes(static_cast<std::uint64_t>(report.bytes)) + " in " +
         format_duration(report.seconds) + ".\n";
}

Document document_of(const archive::ExportReport& report) {
  return {{"name", clean_utf8(report.name)},
          {"directory", clean_utf8(report.directory)},
          {"version", report.version},
          {"samples", report.samples},
          {"frames", report.frames},
          {"tags", report.tags},
          {"media_files", report.media_files},
          {"media_bytes", report.media_bytes},
          {"bytes", report.bytes},
          {"snapshot", report.snapshot},
          {"seconds", report.seconds},
          {"losses", losses_document(report.losses)},
          {"warnings", warnings_document(report.warnings)}};
}

int run_export(const ExportOptions& options, const Globals& globals) {
  const auto settings = globals.load(options.flags);
  const auto log = Log::to_stderr(settings, globals.quiet);
  const MongoDriver driver;
  Deployment deployment(settings, log, true, Session::Ahead::kNothing);
  auto request = options.request;
  request.name = Globals::as_typed(request.name);
  request.media = mode_of(options.media);
  request.ordered = !options.unordered;
  request.runs = !options.no_runs;
  request.views = !options.no_views;
  request.workspaces = !options.no_workspaces;
  request.allow_loss = settings.allow_loss;
  request.tool = program_version();
  request.jobs = jobs_of(settings);
  Progress progress(globals.progress_mode(), &log);
  const auto report = until_stopped(log, "no archive was made", "The same command begins anew.", [&] {
    return archive::export_dataset(deployment.session.mongo(), request, show_progress(progress, log));
  });
  progress.clear();
  for (const auto& warning : report.warnings) log.warning(warning);
  globals.print(text_of(report, globals.style(STDOUT_FILENO)), document_of(report));
  return 0;
}

}  // namespace

void setup_dataset_export(CLI::App& group, Program& program) {
  auto options = std::make_shared<ExportOptions>();
  auto* command = group.add_subcommand("export", "Writes a dataset to a folder in the FiftyOneDataset format.");
  auto& request = options->request;
  command->add_option("NAME", request.name, "the dataset")->required()->option_text("NAME");
  command->add_option("DIR", request.directory, "a new folder, or .zip, .tar, .tar.gz, .tar.bz")
      ->required()
      ->option_text("DIR");
  command->add_option("--media", options->media, "what becomes of the media files")
      ->option_text("copy|move|symlink|none")
      ->check(CLI::IsMember({"copy", "move", "symlink", "none"}))
      ->take_last();
  command->add_option("--rel-dir", request.rel_dir, "cut from paths; media keep their folders below it")
      ->option_text("DIR")
      ->take_last();
  command->add_option("--chunk-size", request.chunk_size, "at most so many media files in a folder")
      ->option_text("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000'000}))
      ->take_last();
  command->add_flag("--use-dirs", request.use_dirs, "one JSON file for each sample and frame");
  command->add_flag("--unordered", options->unordered, "with --use-dirs: no numbers in their names");
  command->add_flag("--overwrite", request.overwrite, "an archive that is there gives way, once all is written");
  command->add_option("--target-version", request.target_version, "write it for this older or newer release")
      ->option_text("VERSION")
      ->take_last();
  add_setting(*command, options->flags, "--allow-loss", "allow_loss", "going down may leave values out");
  command->add_flag("--no-runs", options->no_runs, "leave annotation, brain and evaluation runs out");
  command->add_flag("--no-views", options->no_views, "leave saved views out");
  command->add_flag("--no-workspaces", options->no_workspaces, "leave workspaces out");
  command->add_flag("--canonical", request.canonical, "JSON that keeps the width of integers");
  add_setting(*command, options->flags, "-j,--jobs", "jobs", "threads", "N");
  command->callback(
      [options, &program] { program.run = [options, &program] { return run_export(*options, program.globals); }; });
}

}  // namespace fm::cli
