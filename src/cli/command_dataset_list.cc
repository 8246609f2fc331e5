#include "base/text.h"
#include "bson/read.h"
#include "cli/command_dataset.h"
#include "cli/table.h"

namespace fm::cli {

using bson::Document;

namespace {

constexpr std::size_t kListedName = 100;

int run_list(const Globals& globals) {
  const auto settings = globals.load();
  const auto log = Log::to_stderr(settings, globals.quiet);
  const MongoDriver driver;
  Deployment deployment(settings, log, true, Session::Ahead::kNothing);
  auto& mongo = deployment.session.mongo();
  const auto collections = mongo.collection_names();
  FindOptions options;
  options.sort = Document{{"name", 1}};
  options.projection = Document{{"name", 1},
                                {"version", 1},
                                {"media_type", 1},
                                {"persistent", 1},
                                {"created_at", 1},
                                {"sample_collection_name", 1},
                                {"frame_collection_name", 1}};
  std::vector<std::vector<std::string>> rows;
  bson::Array list;
  mongo.find("datasets", {}, options, [&](bson::View view) {
    const auto dataset = view.decode();
    const auto count = [&](const char* key) {
      const auto name = bson::text_at(dataset, key);
      return collections.contains(name) ? mongo.estimated_count(name) : 0;
    };
    const auto samples = count("sample_collection_name");
    const auto frames = count("frame_collection_name");
    const auto name = clean_utf8(bson::text_at(dataset, "name"));
    const auto* persistent = dataset.find("persistent");
    const bool stays = persistent && persistent->truthy();
    const auto created = bson::date_at(dataset, "created_at");
    rows.push_back({one_line(name, kListedName), bson::text_at(dataset, "version"),
                    bson::text_at(dataset, "media_type"), format_count(samples), frames > 0 ? format_count(frames) : "",
                    stays ? "yes" : "no", created ? utc_text(*created) : ""});
    list.append(Document{{"name", name},
                         {"version", bson::text_at(dataset, "version")},
                         {"media_type", bson::text_at(dataset, "media_type")},
                         {"samples", samples},
                         {"frames", frames},
                         {"persistent", stays},
                         {"created_at", created ? bson::Value(bson::Date{*created}) : bson::Value()}});
  });
  globals.print(rows.empty()
                    ? "There are no datasets.\n"
                    : text_table({"name", "version", "media", "samples", "frames", "persistent", "created"}, rows),
                Document{{"datasets", std::move(list)}});
  return 0;
}

}  // namespace

void setup_dataset_list(CLI::App& group, Program& program) {
  auto* command = group.add_subcommand("list", "Lists the datasets of the database; writes nothing.");
  command->callback([&program] { program.run = [&program] { return run_list(program.globals); }; });
}

}  // namespace fm::cli
