#include "cli/services.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "base/version.h"

namespace fm::cli {

namespace {

constexpr const char* kOnlyDatasets = "This version of fiftyone-migrator migrates the service datasets only.";

bool is_service(const std::string& word) {
  return word == "datasets" ||
         std::find(other_services().begin(), other_services().end(), word) != other_services().end();
}

std::vector<std::string> split(const std::string& words) {
  std::vector<std::string> out;
  for (std::size_t start = 0; start <= words.size();) {
    const auto comma = std::min(words.find(',', start), words.size());
    if (comma > start) out.push_back(words.substr(start, comma - start));
    start = comma + 1;
  }
  return out;
}

[[noreturn]] void no_such_service(const std::string& word) {
  std::vector<std::string> all = {"datasets"};
  all.insert(all.end(), other_services().begin(), other_services().end());
  const auto close = nearest(word, all);
  throw Error(Exit::kUsage,
              fmt::format("There is no service '{}'{}", word, close ? "; did you mean '" + *close + "'?" : ""),
              fmt::format("The services are {}.", fmt::join(all, ", ")));
}

// The services among the words; a version behind them goes to `version`.
std::vector<std::string> services_of(const std::vector<std::string>& words, std::optional<std::string>& version) {
  std::vector<std::string> out;
  for (const auto& word : words) {
    if (!version && &word == &words.back() && !is_service(word) && Version::try_parse(word)) {
      version = word;
      break;
    }
    for (const auto& name : split(word)) {
      if (!is_service(name)) no_such_service(name);
      out.push_back(name);
    }
  }
  return out;
}

}  // namespace

const std::vector<std::string>& other_services() {
  static const std::vector<std::string> kOthers = {"cas", "hub", "enterprise"};
  return kOthers;
}

std::optional<std::string> check_selection(const Selection& selection) {
  auto version = selection.version;
  const auto included = services_of(selection.include, version);
  const auto excluded = services_of(selection.exclude, version);
  for (const auto& name : included) {
    if (name == "datasets") continue;
    throw Error(Exit::kUsage, "The service " + name + " cannot be migrated: " + kOnlyDatasets,
                "Leave --include out, or use --include datasets.");
  }
  if (std::find(excluded.begin(), excluded.end(), "datasets") != excluded.end()) {
    throw Error(Exit::kUsage, std::string("Without datasets nothing is left to migrate: ") + kOnlyDatasets);
  }
  return version;
}

}  // namespace fm::cli
