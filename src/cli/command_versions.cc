#include <fmt/format.h>

#include <memory>

#include "base/error.h"
#include "cli/program.h"
#include "cli/table.h"

namespace fm::cli {

using bson::Array;
using bson::Document;

namespace {

Document pair_document(const VersionPair& pair) {
  return {{"enterprise", pair.enterprise},
          {"open_source", pair.open_source},
          {"released", pair.released},
          {"source", pair.source}};
}

// The pairs that a number may mean, Enterprise first.
std::vector<VersionPair> readings(const VersionMap& versions, const std::string& typed) {
  std::vector<VersionPair> out;
  std::optional<Error> unknown;
  try {
    out.push_back(versions.resolve(typed));
  } catch (const Error& error) {
    unknown = error;
  }
  const auto base = Version::parse(typed).base();
  for (const auto& pair : versions.pairs()) {
    const bool same = Version::parse(pair.open_source).base() == base;
    if (same && (out.empty() || !(pair == out.front()))) out.push_back(pair);
  }
  if (out.empty()) {
    throw Error(unknown->code(), unknown->what(),
                "'fiftyone-migrator versions' lists the known ones, and --versions FILE adds others.");
  }
  return out;
}

int run_versions(const std::optional<std::string>& version, const Globals& globals) {
  const auto versions = globals.versions();
  std::vector<std::vector<std::string>> rows;
  Array documents;
  for (const auto& pair : version ? readings(versions, *version) : versions.pairs()) {
    rows.push_back({pair.enterprise, pair.open_source, pair.released});
    documents.append(pair_document(pair));
  }
  globals.print(text_table({"enterprise", "open source", "released"}, rows), {{"versions", std::move(documents)}});
  return 0;
}

}  // namespace

void setup_versions(Program& program) {
  auto version = std::make_shared<std::optional<std::string>>();
  auto* command = program.app.add_subcommand("versions", "Lists Enterprise and open-source versions.");
  command->add_option("VERSION", *version, "only what this number means in either edition");
  command->callback(
      [version, &program] { program.run = [version, &program] { return run_versions(*version, program.globals); }; });
}

}  // namespace fm::cli
