#include "backup/refusals.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "exec/rights.h"

namespace fm::dump {

namespace {

std::vector<std::string> quoted(const std::vector<std::string>& names) {
  constexpr std::size_t kCells = 60;
  std::vector<std::string> out;
  for (const auto& name : names) out.push_back("'" + one_line(name, kCells) + "'");
  return out;
}

}  // namespace

std::string some(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 5;
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) out += (i > 0 ? ", " : "") + names[i];
  if (names.size() > kShown) {
    out += " and " + format_count(static_cast<std::int64_t>(names.size() - kShown)) + " more";
  }
  return out;
}

void refuse_to_part(const Outside& outside, bool allow_loss) {
  if (!outside.changed.empty()) {
    throw Error(Exit::kPrecondition,
                "The backup does not hold the samples of these datasets, which are not what they were then: " +
                    some(quoted(outside.changed)),
                "Nothing was written: to set back their documents alone would damage them. `fiftyone-migrator undo` "
                "takes a migration back; FIFTYONE_DATABASE_NAME puts the backup into another database.");
  }
  if (!outside.newer.empty() && !allow_loss) {
    throw Error(Exit::kIncompatible,
                "These datasets were made since the backup and would be lost: " + some(quoted(outside.newer)),
                "Nothing was written. `fiftyone-migrator dataset export` saves them; --allow-loss gives them up.");
  }
}

void refuse_to_lose(const Outside& outside, bool allow_loss) {
  auto names = outside.newer;
  names.insert(names.end(), outside.changed.begin(), outside.changed.end());
  if (names.empty() || allow_loss) return;
  throw Error(
      Exit::kIncompatible,
      "These datasets were made or changed since this restore was cut off, and would be lost: " + some(quoted(names)),
      "Some collections are restored and others are not yet. `fiftyone-migrator dataset export` saves them; "
      "the same command with --allow-loss gives them up and finishes the restore.");
}

void require_rights_for(Mongo& mongo, const Special& special) {
  std::vector<Right> needed;
  if (special.views) needed.push_back({"collMod", "changing views"});
  if (special.validators) needed.push_back({"bypassDocumentValidation", "documents that their validator refuses"});
  require_rights(mongo, needed);
  const auto privileges = special.functions ? Privileges::read(mongo) : std::nullopt;
  if (!privileges || privileges->users().empty()) return;
  for (const char* action : {"find", "insert", "update", "remove"}) {
    if (privileges->on_collection(mongo.database(), kFunctions, action)) continue;
    throw Error(Exit::kRights,
                "The user lacks the right " + std::string(action) + " on " + mongo.database() + "." + kFunctions +
                    ", which the backup holds; nothing was written",
                "Give the user the role readWrite on " + mongo.database() + ".");
  }
}

}  // namespace fm::dump
