#include <fmt/format.h>
#include <unistd.h>

#include <memory>

#include "base/text.h"
#include "cli/counted.h"
#include "cli/deployment.h"
#include "cli/media_commands.h"
#include "cli/table.h"
#include "config/environment.h"
#include "media/verify_media.h"

namespace fm::cli {

using bson::Array;
using bson::Document;

namespace {

struct VerifyOptions {
  std::string name;
  std::vector<std::string> fields;
  bool full = false;
  SettingFlags flags;
};

int run_verify(const VerifyOptions& options, const Globals& globals) {
  const auto settings = globals.load(options.flags);
  const auto log = Log::to_stderr(settings, globals.quiet);
  const auto environment = Environment::process();
  media::Stores stores{media::MediaConfig(environment)};
  if (settings.jobs) stores.set_workers(*settings.jobs);
  const MongoDriver driver;
  Deployment deployment(settings, log);
  auto& mongo = deployment.session.mongo();
  const auto dataset = media::open_dataset(mongo, options.name);
  const auto fields =
      media::select_fields(dataset, options.fields.empty() ? std::vector<std::string>{"*"} : options.fields);
  const auto uploads = media::known_uploads(environment.expand_user(media::kManifestFolder));
  Progress progress(globals.progress_mode(), &log);
  progress.phase("Looking at media", 1);
  const auto check =
      media::verify_media(mongo, dataset, fields, stores, uploads, options.full, nullptr,
                          [&](std::int64_t done, std::int64_t total) { progress.collection("paths", done, total); });
  progress.clear();
  Array faults;
  std::vector<std::vector<std::string>> rows;
  for (const auto& fault : check.first) {
    rows.push_back({fault.field, fault.path, fault.fault});
    faults.append(Document{{"field", fault.field},
                           {"document", fault.document},
                           {"path", fault.path},
                           {"fault", clean_utf8(fault.fault)}});
  }
  std::string text = rows.empty() ? "" : text_table({"field", "path", "finding"}, rows) + "\n";
  text += fmt::format("{}, {} distinct looked at: {} with a fault.\n", counted(check.paths, "path"),
                      format_count(check.objects), format_count(check.faults));
  if (options.full) {
    text +=
        fmt::format("Read and compared with what was uploaded from here: {} of them.\n", format_count(check.compared));
  }
  if (check.local > 0) text += fmt::format("Local: {}.\n", counted(check.local, "path"));
  if (check.web > 0) text += fmt::format("On the web, not looked at: {}.\n", counted(check.web, "path"));
  globals.print(text, Document{{"paths", check.paths},
                               {"objects", check.objects},
                               {"local", check.local},
                               {"web", check.web},
                               {"compared", check.compared},
                               {"faults", check.faults},
                               {"first", std::move(faults)}});
  return static_cast<int>(check.faults > 0 ? Exit::kMismatch : Exit::kDone);
}

}  // namespace

void setup_media_verify(Program& program, CLI::App& media) {
  auto options = std::make_shared<VerifyOptions>();
  auto* command = media.add_subcommand("verify", "Whether what a dataset names is there; writes nothing.");
  command->add_option("NAME", options->name, "a dataset")->required()->option_text("NAME");
  command->add_option("--media-field", options->fields, "only this field; several times, all unless given")
      ->option_text("F")
      ->allow_extra_args(false);
  command->add_flag("--full", options->full, "read what was uploaded from here, and compare its hash");
  add_setting(*command, options->flags, "-j,--jobs", "jobs", "requests at a time", "N");
  command->callback(
      [options, &program] { program.run = [options, &program] { return run_verify(*options, program.globals); }; });
}

}  // namespace fm::cli
