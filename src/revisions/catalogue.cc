#include "revisions/catalogue.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <system_error>
#include <tuple>

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
  // Of two with one id, the one that was there first stays first.
  std::stable_sort(revisions.begin(), revisions.end(), [](const Revision& a, const Revision& b) {
    return std::tie(a.version, a.id) < std::tie(b.version, b.id);
  });
  const auto twice = std::adjacent_find(revisions.begin(), revisions.end(),
                                        [](const Revision& a, const Revision& b) { return a.id == b.id; });
  if (twice != revisions.end()) {
    throw Error(Exit::kUsage,
                std::next(twice)->file + ":1:1: the revision " + twice->id + " is there already, in " + twice->file);
  }
}

template <class Of>
auto& list_of(Of& catalogue, Service service) {
  switch (service) {
    case Service::kCas:
      return catalogue.cas;
    case Service::kHub:
      return catalogue.hub;
    case Service::kEnterprise:
      return catalogue.enterprise;
    case Service::kDatasets:
      break;
  }
  return catalogue.datasets;
}

std::string read_revision(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw Error(Exit::kUsage, "Cannot read the revision '" + file.string() + "'");
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// By name, so that errors do not depend on the file system.
std::vector<std::filesystem::path> entries_of(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> out;
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    out.push_back(it->path());
  }
  if (error) {
    throw Error(Exit::kUsage, "Cannot read the catalogue '" + directory.string() + "': " + error.message(),
                "--catalogue names a folder with a folder per service: datasets, enterprise, cas, hub.");
  }
  std::sort(out.begin(), out.end());
  return out;
}

Catalogue load_built_in() {
  Catalogue out;
  for (const auto& file : embedded::revision_files()) {
    const auto folder = file.name.substr(0, file.name.find('/'));
    const auto service = service_named(folder);
    auto revision = parse_revision(std::string(file.name), file.content, service.value_or(Service::kDatasets));
    (service ? list_of(out, *service) : out.database).push_back(std::move(revision));
  }
  sort_revisions(out.database);
  for (const auto service : kServices) sort_revisions(list_of(out, service));
  out.client = kClient;
  out.compatible = built_in_compatible();
  return out;
}

}  // namespace

const std::vector<Revision>& Catalogue::of(Service service) const { return list_of(*this, service); }

Catalogue Catalogue::with_directory(const std::filesystem::path& directory) const {
  Catalogue out = *this;
  for (const auto& folder : entries_of(directory)) {
    const auto service = service_named(folder.filename().string());
    if (!service || !std::filesystem::is_directory(folder)) {
      throw Error(Exit::kUsage, "'" + folder.string() + "' is no folder of a service",
                  "A catalogue has the folders datasets, enterprise, cas and hub, and nothing else.");
    }
    for (const auto& file : entries_of(folder)) {
      if (file.extension() != ".yaml") {
        throw Error(Exit::kUsage, "'" + file.string() + "' is no revision: its name does not end in .yaml");
      }
      auto revision = parse_revision(file.string(), read_revision(file), *service);
      revision.built_in = false;
      if (!revision.named_after_version()) {
        throw Error(Exit::kUsage, file.string() + ":1:1: the file is not named after its version, " + revision.text);
      }
      list_of(out, *service).push_back(std::move(revision));
    }
    sort_revisions(list_of(out, *service));
  }
  return out;
}

const char* built_in_client() { return kClient; }

const Specifier& built_in_compatible() {
  static const Specifier kParsed = Specifier::parse(kCompatible);
  return kParsed;
}

const Catalogue& built_in_catalogue() {
  static const Catalogue kCatalogue = load_built_in();
  return kCatalogue;
}

}  // namespace fm
