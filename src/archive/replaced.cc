#include "archive/replaced.h"

#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

#include "archive/files.h"
#include "archive/paths.h"
#include "base/error.h"
#include "base/text.h"
#include "bson/read.h"

namespace fm::archive {

namespace fs = std::filesystem;

using bson::Document;

namespace {

constexpr const char* kElsewhere = "Name a new folder, and remove the old one when nothing names its media any more.";

std::string without_links(const std::string& path) {
  std::error_code error;
  const auto found = fs::canonical(path, error);
  return error ? path : found.string();
}

std::string begins_with(const std::string& text) {
  std::string out = "^";
  for (const char c : text) {
    if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

Replaced::Replaced(const std::string& folder) : path_(absolute(folder)), real_(without_links(path_)) {
  const bool samples = is_file(path_ + "/samples.json") || is_folder(path_ + "/samples");
  if (samples && is_file(path_ + "/metadata.json")) return;
  throw Error(Exit::kPrecondition, path_ + " is no archive: it holds no metadata.json with samples",
              "Only an archive is replaced. Name a new folder.");
}

void Replaced::keep_out(const std::string& source, const std::string& sample) const {
  if (!below(source, path_) && !below(source, real_) && !below(without_links(source), real_)) return;
  throw Error(Exit::kPrecondition,
              source + ", which sample " + sample + " names, lies in the folder that would be replaced", kElsewhere);
}

void Replaced::keep_out_datasets(Mongo& mongo) const {
  std::vector<std::pair<std::string, std::string>> datasets;  // name, samples
  FindOptions names;
  names.projection = Document{{"name", 1}, {"sample_collection_name", 1}};
  mongo.find("datasets", {}, names, [&](bson::View view) {
    const auto dataset = view.decode();
    datasets.emplace_back(bson::text_at(dataset, "name"), bson::text_at(dataset, "sample_collection_name"));
  });
  FindOptions first;
  first.projection = Document{{"filepath", 1}};
  for (const auto& [name, samples] : datasets) {
    if (samples.empty()) continue;
    for (const auto& folder : {path_, real_}) {
      if (clean_utf8(folder) != folder) continue;  // no path in a database
      const Document in_folder{{"filepath", Document{{"$regex", begins_with(folder + "/")}}}};
      const auto found = mongo.find_one(samples, in_folder, first);
      if (!found) continue;
      throw Error(Exit::kPrecondition,
                  "Media of dataset '" + name +
                      "' lie in the folder that would be replaced: " + bson::text_at(*found, "filepath"),
                  kElsewhere);
    }
  }
}

}  // namespace fm::archive
