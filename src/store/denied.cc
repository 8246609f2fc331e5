#include "store/denied.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace fm {

namespace {

constexpr std::string_view kBegin = "not authorized on ";
constexpr std::string_view kCommand = " to execute command { ";

struct Needs {
  std::string_view command;
  std::vector<std::string> actions;
};

// Commands whose right is called otherwise; of all others it has the same name.
const std::vector<Needs>& needs() {
  static const std::vector<Needs> kNeeds = {
      {"count", {"find"}},
      {"distinct", {"find"}},
      {"getMore", {"find"}},
      {"update", {"update", "insert"}},  // insert: of an upsert
      {"delete", {"remove"}},
      {"create", {"createCollection"}},
      {"createIndexes", {"createIndex"}},
      {"drop", {"dropCollection"}},
      {"dropIndexes", {"dropIndex"}},
      {"renameCollection", {"renameCollectionSameDB"}},
  };
  return kNeeds;
}

std::vector<std::string> actions_of(std::string_view command, std::string_view text) {
  const auto has = [&](std::string_view part) { return text.find(part) != std::string_view::npos; };
  if (command == "aggregate") {
    if (has("$currentOp")) return {"inprog"};
    // Long texts arrive cut off.
    if (has("$merge") || !text.ends_with('}')) return {"find", "insert", "update"};
    return {"find"};
  }
  for (const auto& need : needs()) {
    if (need.command == command) return need.actions;
  }
  return {std::string(command)};
}

}  // namespace

std::optional<Denied> read_denied(std::string_view message) {
  const auto begin = message.find(kBegin);
  if (begin == std::string_view::npos) return std::nullopt;
  auto rest = message.substr(begin + kBegin.size());
  const auto middle = rest.find(kCommand);
  if (middle == std::string_view::npos) return std::nullopt;
  Denied out;
  out.database = rest.substr(0, middle);
  rest.remove_prefix(middle + kCommand.size());
  const auto colon = rest.find(": ");
  if (colon == std::string_view::npos) return std::nullopt;
  out.command = rest.substr(0, colon);
  out.actions = actions_of(out.command, rest);
  rest.remove_prefix(colon + 2);
  if (rest.starts_with('"')) out.collection = rest.substr(1, rest.find('"', 1) - 1);
  return out;
}

std::string Denied::missing() const {
  const auto place = database + (collection.empty() ? "" : "." + collection);
  if (actions.size() == 1) return fmt::format("the right {} on {}", actions.front(), place);
  return fmt::format("one of the rights {} on {}", fmt::join(actions, ", "), place);
}

}  // namespace fm
