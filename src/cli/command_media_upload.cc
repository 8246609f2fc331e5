#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <unordered_set>

#include "base/hash.h"
#include "base/text.h"
#include "bson/json.h"
#include "cli/counted.h"
#include "cli/deployment.h"
#include "cli/help.h"
#include "cli/media_commands.h"
#include "cli/migration_options.h"
#include "cli/program_version.h"
#include "cli/signals.h"
#include "cli/table.h"
#include "config/environment.h"
#include "exec/control.h"
#include "exec/restore_mark.h"
#include "media/upload.h"
#include "store/lease.h"

namespace fm::cli {

using bson::Array;
using bson::Document;

namespace {

struct UploadOptions {
  std::string name;
  media::UploadRequest request;
  std::string on_clash = "rename";
  std::string outside = "error";
  std::string manifest;
  std::string report;
  std::string samples;
  std::vector<std::string> metadata;
  bool no_assets = false;
  SettingFlags flags;
};

constexpr std::size_t kShown = 10;

std::string size(std::int64_t bytes) { return format_bytes(static_cast<std::uint64_t>(bytes)); }

// The same request finds the manifest of the last attempt.
Document header_of(const std::string& database, const media::MediaDataset& dataset,
                   const media::UploadRequest& request) {
  return {{"database", database},
          {"dataset", bson::to_canonical_json(Document{{"_id", dataset.id}})},
          {"name", dataset.name},
          {"destination", media::without_slash(request.destination)},
          {"fields", Array::of(request.fields)},
          {"rel_dir", request.rel_dir.value_or("")}};
}

std::string manifest_path(const UploadOptions& options, const Document& header) {
  const auto environment = Environment::process();
  if (!options.manifest.empty()) return environment.expand_user(options.manifest);
  return environment.expand_user(media::kManifestFolder) + sha256_hex(bson::to_canonical_json(header)).substr(0, 16) +
         ".jsonl";
}

// JSON lines, one a file.
class ReportFile {
 public:
  explicit ReportFile(const std::string& path) {
    if (path.empty()) return;
    file_.reset(std::fopen(path.c_str(), "w"));
    if (!file_) throw Error(Exit::kUsage, "The report '" + path + "' cannot be written", "", "OSError");
  }
  void line(const media::PlannedFile& file, const std::string& state, const std::string& error) {
    if (!file_) return;
    Document document{{"state", state},
                      {"local", clean_utf8(file.local)},
                      {"remote", clean_utf8(file.remote.path())},
                      {"bytes", file.state.size}};
    if (!error.empty()) document.append("error", clean_utf8(error));
    std::fprintf(file_.get(), "%s\n", bson::to_relaxed_json(document).c_str());
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
};

bson::Value id_of(const std::string& text) {
  const auto oid = bson::Oid::from_hex(text);
  return oid ? bson::Value(*oid) : bson::Value(text);
}

// The ids of a file, one a line, each once.
std::vector<bson::Value> ids_in(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw Error(Exit::kUsage, "The file of samples '" + path + "' cannot be read", "", "OSError");
  std::vector<bson::Value> out;
  std::unordered_set<std::string> seen;
  for (std::string line; std::getline(in, line);) {
    const auto id = line.substr(0, line.find_last_not_of(" \t\r") + 1);
    if (!id.empty() && seen.insert(id).second) out.push_back(id_of(id));
  }
  return out;
}

std::map<std::string, std::string> pairs_of(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> out;
  for (const auto& text : texts) {
    const auto equals = text.find('=');
    if (equals == std::string::npos) throw Error(Exit::kUsage, "--metadata takes NAME=VALUE, not '" + text + "'");
    out[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return out;
}

// For those who look a file up: left out by --dedupe, its object is another one's.
void report_equal_files(const media::UploadPlan& plan, ReportFile& report) {
  for (const auto& [local, index] : plan.by_local) {
    auto file = plan.files[index];
    if (file.local == local) continue;
    file.local = local;
    report.line(file, "equal", "");
  }
}

std::string clashes_text(const std::vector<media::Clash>& clashes, const Style& style) {
  if (clashes.empty()) return "";
  auto out = "\n" + style.heading("Names that were taken:") + "\n";
  for (std::size_t i = 0; i < clashes.size() && i < kShown; ++i) {
    out += "  " + clashes[i].local + " -> " + clashes[i].given + "\n";
  }
  if (clashes.size() > kShown) {
    out += fmt::format("  and {} more\n", format_count(static_cast<std::int64_t>(clashes.size() - kShown)));
  }
  return out;
}

Array clashes_array(const std::vector<media::Clash>& clashes) {
  Array out;
  for (const auto& clash : clashes) {
    out.append(Document{{"local", clash.local}, {"wanted", clash.wanted}, {"given", clash.given}});
  }
  return out;
}

Array fields_array(const media::UploadPlan& plan) {
  Array out;
  for (const auto& field : plan.fields) out.append(field.name);
  return out;
}

int show_plan(const media::UploadPlan& plan, const Globals& globals, ReportFile& report) {
  for (const auto& file : plan.files) report.line(file, "planned", "");
  report_equal_files(plan, report);
  const auto files = static_cast<std::int64_t>(plan.files.size());
  const auto copies =
      std::count_if(plan.files.begin(), plan.files.end(), [](const auto& f) { return !f.source.local(); });
  auto text = fmt::format("Would upload {}, {}, for {} to {}; nothing was written.\n", counted(files, "file"),
                          size(plan.bytes), counted(plan.paths - plan.missing_paths, "path"), plan.destination.path());
  if (copies > 0) text += fmt::format("Of these in other places of stores: {}.\n", format_count(copies));
  if (plan.equal_files > 0)
    text += fmt::format("Of the same content as others: {}.\n", counted(plan.equal_files, "file"));
  if (plan.remote_paths > 0) text += fmt::format("Remote already: {}.\n", counted(plan.remote_paths, "path"));
  if (plan.missing_paths > 0) {
    text += fmt::format("Not there: {}.\n", counted(plan.missing_paths, "file"));
    for (std::size_t i = 0; i < plan.missing.size() && i < kShown; ++i) text += "  " + plan.missing[i] + "\n";
  }
  text += clashes_text(plan.clashes, globals.style(STDOUT_FILENO));
  globals.print(text, Document{{"dry_run", true},
                               {"destination", plan.destination.path()},
                               {"fields", fields_array(plan)},
                               {"files", files},
                               {"copies", copies},
                               {"bytes", plan.bytes},
                               {"paths", plan.paths},
                               {"remote_paths", plan.remote_paths},
                               {"missing_paths", plan.missing_paths},
                               {"equal_files", plan.equal_files},
                               {"missing", Array::of(plan.missing)},
                               {"clashes", clashes_array(plan.clashes)}});
  return 0;
}

int show_report(const media::UploadReport& report, const media::UploadPlan& plan, const UploadOptions& options,
                const Globals& globals, double seconds) {
  const bool none_local = plan.paths == 0;
  auto text = none_local ? std::string("There was nothing to upload: no path names a local file.\n")
                         : fmt::format("Uploaded {}, {}, to {} in {}.\n", counted(report.uploaded, "file"),
                                       size(report.bytes), plan.destination.path(), format_duration(seconds));
  if (report.copied > 0)
    text += fmt::format("Copied from other places of stores: {}.\n", counted(report.copied, "file"));
  if (report.adopted > 0)
    text += fmt::format("There already, with the same content: {}.\n", counted(report.adopted, "file"));
  if (report.known > 0) text += fmt::format("Uploaded by an earlier attempt: {}.\n", counted(report.known, "file"));
  if (plan.equal_files > 0)
    text += fmt::format("Of the same content as others: {}.\n", counted(plan.equal_files, "file"));
  if (plan.remote_paths > 0) text += fmt::format("Remote already: {}.\n", counted(plan.remote_paths, "path"));
  if (plan.missing_paths > 0)
    text += fmt::format("Not there, and left out: {}.\n", counted(plan.missing_paths, "file"));
  if (options.request.update) {
    text += fmt::format("Wrote the new paths of {}.", counted(report.documents, "document"));
    if (!report.run.empty()) text += " `fiftyone-migrator media undo " + report.run + "` takes this back.";
    text += "\n";
  } else if (!none_local) {
    text += "The dataset still names the local files; --update-filepaths changes that.\n";
  }
  if (report.changed > 0) {
    text += fmt::format("{} documents were changed by somebody else meanwhile and left alone.\n",
                        format_count(report.changed));
  }
  text += clashes_text(report.clashes, globals.style(STDOUT_FILENO));
  Array failures;
  for (const auto& failure : report.failures) {
    failures.append(
        Document{{"local", failure.local}, {"remote", failure.remote}, {"error", clean_utf8(failure.error)}});
  }
  if (!report.failures.empty()) {
    text +=
        "\n" + globals.style(STDOUT_FILENO).heading(fmt::format("{} failed:", counted(report.failed, "file"))) + "\n";
    for (std::size_t i = 0; i < report.failures.size() && i < kShown; ++i) {
      text += "  " + report.failures[i].local + ": " + report.failures[i].error + "\n";
    }
    if (report.failures.size() > kShown) text += "  and more; --report FILE lists all\n";
  }
  globals.print(text, Document{{"destination", plan.destination.path()},
                               {"fields", fields_array(plan)},
                               {"uploaded", report.uploaded},
                               {"copied", report.copied},
                               {"adopted", report.adopted},
                               {"known", report.known},
                               {"failed", report.failed},
                               {"bytes", report.bytes},
                               {"seconds", seconds},
                               {"remote_paths", plan.remote_paths},
                               {"missing_paths", plan.missing_paths},
                               {"equal_files", plan.equal_files},
                               {"documents", report.documents},
                               {"changed", report.changed},
                               {"run", report.run.empty() ? bson::Value() : bson::Value(report.run)},
                               {"clashes", clashes_array(report.clashes)},
                               {"failures", std::move(failures)}});
  const bool partial = report.failed > 0 || plan.missing_paths > 0 || report.changed > 0;
  return static_cast<int>(partial ? Exit::kPartial : Exit::kDone);
}

int run_upload(UploadOptions options, const Globals& globals) {
  using Clock = std::chrono::steady_clock;
  using Clash = media::UploadRequest::Clash;
  const auto start = Clock::now();
  const auto settings = globals.load(options.flags);
  auto& request = options.request;
  if (request.fields.empty()) request.fields = {"filepath"};
  request.on_clash = options.on_clash == "rename" ? Clash::kRename
                     : options.on_clash == "hash" ? Clash::kHash
                                                  : Clash::kError;
  request.include_assets = !options.no_assets;
  request.attributes.metadata = pairs_of(options.metadata);
  if (!options.samples.empty()) request.samples = ids_in(options.samples);
  request.outside_by_name = options.outside == "basename";
  request.origin = {globals.command_line, program_version()};
  const auto log = Log::to_stderr(settings, globals.quiet);
  media::Stores stores{media::MediaConfig(Environment::process())};
  if (settings.jobs) stores.set_workers(*settings.jobs);
  const MongoDriver driver;
  Deployment deployment(settings, log);
  auto& mongo = deployment.session.mongo();
  std::optional<Lease> lease;
  if (request.update && !settings.dry_run) lease.emplace(mongo);
  refuse_while_restoring(mongo);
  const auto dataset = media::open_dataset(mongo, options.name);
  media::select_fields(dataset, request.fields);
  ReportFile report(options.report);
  const auto header = header_of(mongo.database(), dataset, request);
  std::optional<media::Manifest> manifest;
  if (!settings.dry_run) manifest.emplace(manifest_path(options, header), header);
  auto plan = media::plan_upload(mongo, dataset, request, stores, manifest ? &*manifest : nullptr);
  if (settings.dry_run) return show_plan(plan, globals, report);
  Progress progress(globals.progress_mode(), &log);
  progress.phase("Uploading");
  Control control(mongo, {}, StopSignals::asked, warn_over(progress, log));
  const StopSignals signals(log);
  const auto done = media::upload(
      mongo, dataset, request, plan, stores, &*manifest,
      [&](const media::UploadProgress& at) {
        progress.files(at.files, at.files_total);
        progress.bytes(at.bytes, at.bytes_total);
        control.checkpoint();
      },
      [&](const media::PlannedFile& file, const std::string& state, const std::string& error) {
        report.line(file, state, error);
      });
  progress.clear();
  report_equal_files(plan, report);
  const auto seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return show_report(done, plan, options, globals, seconds);
}

}  // namespace

void setup_media_upload(Program& program, CLI::App& media) {
  auto options = std::make_shared<UploadOptions>();
  auto& request = options->request;
  auto* command = media.add_subcommand("upload", "Local media to an object store.");
  command->add_option("NAME", options->name, "a dataset")->required()->option_text("NAME");
  command->add_option("DEST", request.destination, "s3://bucket/folder, gs://..., https://...")
      ->required()
      ->option_text("DEST");
  const auto many = [&](const char* name, std::vector<std::string>& values, const char* text, const char* help) {
    command->add_option(name, values, help)->option_text(text)->allow_extra_args(false);
  };
  many("--media-field", request.fields, "F", "several times; '*': all; F=FOLDER");
  many("--group-slice", request.group_slices, "S", "only this slice; several times");
  command->add_option("--samples", options->samples, "only samples whose ids it has, one a line")->option_text("FILE");
  request.fields.clear();
  command->add_option("--rel-dir", request.rel_dir, "keep the folders below this one")->option_text("DIR");
  command->add_flag("--update-filepaths", request.update, "write the new paths to the dataset");
  command->add_flag("--overwrite", request.overwrite, "replace objects that are there");
  command->add_flag("--copy-remote", request.copy_remote, "copy what is in another store, too");
  command->add_flag("--no-assets", options->no_assets, "3D scenes as they are, alone");
  command->add_flag("--skip-failures", request.skip_failures, "leave missing files out");
  command->add_flag("--dedupe", request.dedupe, "files of equal content go once");
  command->add_flag("--verify-full", request.verify_full, "read every object back");
  const auto choice = [&](const char* name, std::string& value, const std::vector<std::string>& values,
                          const char* help) {
    command->add_option(name, value, help)->option_text(CLI::detail::join(values, "|"))->check(CLI::IsMember(values));
  };
  command->add_option("--cache-control", request.attributes.cache_control, "of the objects")->option_text("TEXT");
  command->add_option("--storage-class", request.attributes.storage_class, "of the objects")->option_text("NAME");
  many("--metadata", options->metadata, "NAME=VALUE", "of the objects; several times");
  choice("--on-clash", options->on_clash, {"rename", "error", "hash"}, "a name is taken");
  choice("--outside", options->outside, {"error", "basename"}, "files not in --rel-dir");
  command->add_option("--report", options->report, "what became of each file, JSON lines")->option_text("FILE");
  command->add_option("--manifest", options->manifest, "state of the upload")->option_text("FILE");
  command->add_option("--bandwidth", request.bandwidth, "most bytes a second: 500K, 20M")
      ->option_text("BYTES")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Validator(
          [](std::string& bytes) {
            const bool positive = bytes.find_first_of("123456789") == 0;
            return positive ? std::string() : std::string("has to be more than 0");
          },
          ""));
  add_setting(*command, options->flags, "--dry-run", "dry_run", "plan only");
  add_setting(*command, options->flags, "-j,--jobs", "jobs", "files at a time", "N");
  for (const auto* rare : {"--samples", "--no-assets", "--cache-control", "--storage-class", "--metadata", "--outside",
                           "--manifest", "--bandwidth"}) {
    command->get_option(rare)->group(kAlso);
  }
  command->callback(
      [options, &program] { program.run = [options, &program] { return run_upload(*options, program.globals); }; });
}

}  // namespace fm::cli
