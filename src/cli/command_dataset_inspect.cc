#include <memory>

#include "archive/inspect.h"
#include "base/error.h"
#include "base/text.h"
#include "cli/command_dataset.h"
#include "cli/counted.h"
#include "cli/plan_text.h"
#include "cli/table.h"

namespace fm::cli {

using archive::Inspected;
using bson::Array;
using bson::Document;

namespace {

struct LookOptions {
  std::string path;
  std::optional<std::string> assume_version;
  SettingFlags flags;
};

Array strings(const std::vector<std::string>& list) {
  Array out;
  for (const auto& one : list) out.append(clean_utf8(one));
  return out;
}

std::string heading(const Inspected& archive) {
  auto out = "'" + clean_utf8(archive.name) + "', " +
             (archive.legacy ? "the layout before 0.8" : "v" + archive.version) + ", " + archive.media_type + ": " +
             counted(archive.samples, "sample");
  if (archive.frames > 0) out += ", " + counted(archive.frames, "frame");
  if (archive.tags > 0) out += ", " + counted(archive.tags, "temporal tag");
  return out + ", " + format_bytes(static_cast<std::uint64_t>(archive.bytes)) + ".\n";
}

std::string listed(const char* what, const std::vector<std::string>& names) {
  if (names.empty()) return "";
  std::string out = what;
  for (std::size_t i = 0; i < names.size(); ++i) out += (i > 0 ? ", " : "") + clean_utf8(names[i]);
  return out + "\n";
}

std::string text_of(const Inspected& archive) {
  auto out = heading(archive);
  out += listed("Media fields: ", archive.media_fields) + listed("Saved views:  ", archive.views) +
         listed("Workspaces:   ", archive.workspaces);
  out += std::string("Manifest:     ") + (archive.has_manifest ? "yes" : "no: it was not written by this program") +
         "\n\n";
  std::vector<std::vector<std::string>> rows;
  for (const auto& field : archive.fields) rows.push_back({clean_utf8(field.name), field.type});
  out += text_table({"field", "type"}, rows);
  if (archive.runs.empty()) return out;
  rows.clear();
  for (const auto& run : archive.runs) rows.push_back({run.kind, clean_utf8(run.key), run.results ? "yes" : "no"});
  return out + "\n" + text_table({"runs", "key", "results"}, rows);
}

Document document_of(const Inspected& archive) {
  Array fields;
  for (const auto& field : archive.fields)
    fields.append(Document{{"name", clean_utf8(field.name)}, {"type", field.type}});
  Array runs;
  for (const auto& run : archive.runs) {
    runs.append(Document{{"kind", run.kind}, {"key", clean_utf8(run.key)}, {"results", run.results}});
  }
  return {{"folder", clean_utf8(archive.folder)},
          {"name", clean_utf8(archive.name)},
          {"version", archive.legacy ? bson::Value() : bson::Value(archive.version)},
          {"legacy", archive.legacy},
          {"media_type", archive.media_type},
          {"samples", archive.samples},
          {"frames", archive.frames},
          {"tags", archive.tags},
          {"bytes", archive.bytes},
          {"fields", std::move(fields)},
          {"runs", std::move(runs)},
          {"views", strings(archive.views)},
          {"workspaces", strings(archive.workspaces)},
          {"media_fields", strings(archive.media_fields)},
          {"manifest", archive.has_manifest},
          {"warnings", strings(archive.warnings)}};
}

void add_options(CLI::App& command, LookOptions& options) {
  command.add_option("DIR", options.path, "a folder, or .zip, .tar, .tar.gz, .tar.bz")->required()->option_text("DIR");
  command.add_option("--assume-version", options.assume_version, "of an archive that does not say")
      ->option_text("VERSION")
      ->take_last();
}

int run_inspect(const LookOptions& options, const Globals& globals) {
  const auto log = Log::to_stderr(globals.load(), globals.quiet);
  Progress progress(globals.progress_mode(), &log);
  const auto found = until_stopped(log, "not all was read", "Nothing was written.", [&] {
    return archive::inspect_archive(options.path, options.assume_version, show_progress(progress, log));
  });
  progress.clear();
  for (const auto& warning : found.warnings) log.warning(warning);
  globals.print(text_of(found), document_of(found));
  return 0;
}

int run_verify(const LookOptions& options, const Globals& globals) {
  const auto settings = globals.load(options.flags);
  const auto log = Log::to_stderr(settings, globals.quiet);
  Progress progress(globals.progress_mode(), &log);
  const auto checked = until_stopped(log, "not all was read", "Nothing was written.", [&] {
    return archive::verify_archive(options.path, options.assume_version, jobs_of(settings),
                                   show_progress(progress, log));
  });
  progress.clear();
  for (const auto& warning : checked.archive.warnings) log.warning(warning);
  auto text = heading(checked.archive);
  for (const auto& problem : checked.problems) text += "  " + clean_utf8(problem) + "\n";
  text += checked.problems.empty() ? "Nothing is wrong with it.\n" : "It is not whole: export it again.\n";
  auto document = document_of(checked.archive);
  document.append("problems", strings(checked.problems));
  globals.print(text, document);
  return checked.problems.empty() ? 0 : static_cast<int>(Exit::kMismatch);
}

}  // namespace

void setup_dataset_inspect(CLI::App& group, Program& program) {
  auto options = std::make_shared<LookOptions>();
  auto* command = group.add_subcommand("inspect", "Shows what an archive holds; needs no database.");
  add_options(*command, *options);
  command->callback(
      [options, &program] { program.run = [options, &program] { return run_inspect(*options, program.globals); }; });
}

void setup_dataset_verify(CLI::App& group, Program& program) {
  auto options = std::make_shared<LookOptions>();
  auto* command = group.add_subcommand("verify", "Reads all of an archive and checks it; needs no database.");
  add_options(*command, *options);
  add_setting(*command, options->flags, "-j,--jobs", "jobs", "threads", "N");
  command->callback(
      [options, &program] { program.run = [options, &program] { return run_verify(*options, program.globals); }; });
}

}  // namespace fm::cli
