#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "cli/program.h"
#include "cli/table.h"
#include "revisions/catalogue.h"
#include "revisions/lint.h"
#include "revisions/yaml.h"

namespace fm::cli {

using bson::Array;
using bson::Document;

namespace {

struct Listed {
  const char* service;
  const Revision* revision;
};

// Ascending; the database's before those of datasets, services last.
std::vector<Listed> all_revisions(const Catalogue& catalogue) {
  std::vector<Listed> out;
  for (const auto& revision : catalogue.database) out.push_back({"database", &revision});
  for (const auto service : {Service::kDatasets, Service::kEnterprise, Service::kCas, Service::kHub}) {
    for (const auto& revision : catalogue.of(service)) out.push_back({name_of(service), &revision});
  }
  return out;
}

const char* word(DownLabel label) {
  switch (label) {
    case DownLabel::kExact:
      return "exact";
    case DownLabel::kLossy:
      return "lossy";
    case DownLabel::kRefused:
      return "refused";
  }
  return "";
}

// What the steps down take away and the steps up do not bring back.
std::vector<std::string> losses(const Revision& revision) {
  std::vector<std::string> out;
  if (revision.down_label == DownLabel::kExact) return out;
  for (const auto& step : revision.down) {
    for (auto& what : ops::loses(step)) {
      if (std::find(out.begin(), out.end(), what) == out.end()) out.push_back(std::move(what));
    }
  }
  return out;
}

std::vector<std::string> described(const ops::Steps& steps) {
  std::vector<std::string> out;
  for (const auto& step : steps) out.push_back(ops::describe(step));
  return out;
}

Document head_document(const Listed& listed) {
  return {{"service", listed.service},
          {"version", listed.revision->text},
          {"id", listed.revision->id},
          {"title", listed.revision->title},
          {"down_label", word(listed.revision->down_label)}};
}

int run_list(const Globals& globals) {
  std::vector<std::vector<std::string>> rows;
  Array documents;
  for (const auto& listed : all_revisions(globals.catalogue())) {
    rows.push_back({listed.service, listed.revision->id, word(listed.revision->down_label), listed.revision->title});
    documents.append(head_document(listed));
  }
  globals.print(text_table({"service", "version", "way down", "title"}, rows), {{"revisions", std::move(documents)}});
  return 0;
}

std::string steps_text(const std::string& heading, const std::vector<std::string>& steps) {
  std::string out = "\n" + heading + "\n";
  if (steps.empty()) out += "  nothing\n";
  for (const auto& step : steps) out += "  " + step + "\n";
  return out;
}

int run_show(const std::string& version, const Globals& globals) {
  // Of one version, or one of it by its id.
  const auto dash = version.find('-');
  const auto wanted = Version::parse(version.substr(0, dash)).base();
  const auto style = globals.style(STDOUT_FILENO);
  std::string text;
  Array documents;
  for (const auto& listed : all_revisions(globals.catalogue())) {
    const auto& revision = *listed.revision;
    if (revision.version != wanted || (dash != std::string::npos && revision.id != version)) continue;
    if (!text.empty()) text += "\n";
    text += style.heading(fmt::format("v{} {}", revision.id, listed.service)) + "\n" + revision.title + "\n" +
            "Source: " + revision.source + "\n";
    text += steps_text("Up:", described(revision.up));
    text += steps_text(fmt::format("Down ({}):", word(revision.down_label)), described(revision.down));
    if (!losses(revision).empty()) text += steps_text("May be lost on the way down:", losses(revision));
    auto document = head_document(listed);
    document.append("source", revision.source);
    document.append("checksum", revision.checksum);
    document.append("up", Array::of(described(revision.up)));
    document.append("down", Array::of(described(revision.down)));
    document.append("loses", Array::of(losses(revision)));
    documents.append(std::move(document));
  }
  if (text.empty()) {
    throw Error(Exit::kIncompatible, "No revision has the version '" + version + "'",
                "'fiftyone-migrator revisions list' lists them.");
  }
  globals.print(text, {{"revisions", std::move(documents)}});
  return 0;
}

std::vector<std::string> faults_of_file(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in || std::filesystem::is_directory(file)) {
    throw Error(Exit::kUsage, "Cannot read the revision '" + file + "'");
  }
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  try {
    // A folder of a catalogue says whose revision it is.
    const auto folder = std::filesystem::absolute(file).parent_path().filename().string();
    const auto service = service_named(folder).value_or(Service::kDatasets);
    return faults(service, parse_revision(file, text, service));
  } catch (const Error& error) {
    return {error.what()};
  }
}

std::vector<std::string> yaml_files(const std::string& directory) {
  std::vector<std::string> out;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    if (it->is_regular_file() && it->path().extension() == ".yaml") out.push_back(it->path().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

int run_lint(const std::vector<std::string>& files, const Globals& globals) {
  std::vector<std::string> found;
  const auto add = [&](std::vector<std::string> more) { found.insert(found.end(), more.begin(), more.end()); };
  std::size_t checked = files.size();
  for (const auto& file : files) add(faults_of_file(file));
  if (files.empty()) {
    try {
      for (const auto& listed : all_revisions(globals.catalogue())) {
        add(faults(service_named(listed.service).value_or(Service::kDatasets), *listed.revision));
        ++checked;
      }
    } catch (const Error& error) {
      // The catalogue cannot be put together: what each file says for itself is more than the first fault.
      const auto own = yaml_files(globals.catalogue_directory.value_or(""));
      if (own.empty()) throw;
      for (const auto& file : own) add(faults_of_file(file));
      if (found.empty()) found.emplace_back(error.what());
      checked = own.size();
    }
  }
  const auto count = static_cast<std::int64_t>(checked);
  std::string text = fmt::format("{} revision{} checked, {} fault{}\n", format_count(count), count == 1 ? "" : "s",
                                 found.size(), found.size() == 1 ? "" : "s");
  for (const auto& fault : found) text += fault + "\n";
  globals.print(text, {{"checked", count}, {"faults", Array::of(found)}});
  return static_cast<int>(found.empty() ? Exit::kDone : Exit::kFailed);
}

}  // namespace

void setup_revisions(Program& program) {
  auto* command = program.app.add_subcommand("revisions", "Shows and checks the steps between versions.");
  command->require_subcommand(0, 1);
  auto* list = command->add_subcommand("list", "All revisions, and whether going down loses.");
  list->callback([&program] { program.run = [&program] { return run_list(program.globals); }; });

  auto version = std::make_shared<std::string>();
  auto* show = command->add_subcommand("show", "The steps of a revision, up and down.");
  show->add_option("VERSION", *version, "version of the revision, or its id")->required()->option_text("VERSION");
  show->callback(
      [version, &program] { program.run = [version, &program] { return run_show(*version, program.globals); }; });

  auto files = std::make_shared<std::vector<std::string>>();
  auto* lint = command->add_subcommand("lint", "Checks files; none: all revisions, with those of --catalogue.");
  lint->add_option("FILE", *files, "YAML files")->option_text("[FILE]...");
  lint->callback([files, &program] { program.run = [files, &program] { return run_lint(*files, program.globals); }; });
}

}  // namespace fm::cli
