#include "revisions/catalogue.h"

#include <algorithm>

#include "base/error.h"
#include "embedded/revision_files.h"
#include "revisions/yaml.h"

namespace fm {

namespace {

// The open-source release whose data model the built-in revisions end at, and
// the range of versions it works with (spec runner 1.3).
constexpr const char* kClient = "1.22.1";
constexpr const char* kCompatible = ">=0.19,<2";

void sort_revisions(std::vector<Revision>& revisions) {
  std::sort(revisions.begin(), revisions.end(),
            [](const Revision& a, const Revision& b) { return a.version < b.version; });
  const auto twice = std::adjacent_find(revisions.begin(), revisions.end(),
                                        [](const Revision& a, const Revision& b) { return a.version == b.version; });
  if (twice != revisions.end()) {
    throw Error(Exit::kUsage, twice->file + " and " + std::next(twice)->file + " are both version " + twice->text);
  }
}

Catalogue load_built_in() {
  Catalogue out;
  for (const auto& file : embedded::revision_files()) {
    auto revision = parse_revision(std::string(file.name), file.content);
    (file.name.starts_with("database/") ? out.database : out.datasets).push_back(std::move(revision));
  }
  sort_revisions(out.database);
  sort_revisions(out.datasets);
  out.client = kClient;
  out.compatible = Specifier::parse(kCompatible);
  return out;
}

}  // namespace

const Catalogue& built_in_catalogue() {
  static const Catalogue kCatalogue = load_built_in();
  return kCatalogue;
}

}  // namespace fm
