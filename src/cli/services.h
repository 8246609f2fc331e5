// The services of a deployment, as --include and --exclude name them.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace fm::cli {

struct Selection {
  std::vector<std::string> include;  // words as typed, with commas
  std::vector<std::string> exclude;
  std::optional<std::string> version;  // as typed; the last word of the two lists may be it
};

// The version that was typed. Throws Error(kUsage): a word that is no service, and
// any selection but one with `datasets` alone, the only service migrated so far.
std::optional<std::string> check_selection(const Selection& selection);

// What an Enterprise deployment has beside `datasets`.
const std::vector<std::string>& other_services();

}  // namespace fm::cli
