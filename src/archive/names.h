// Names of datasets in a database.
#pragma once

#include <optional>
#include <string>

#include "bson/document.h"
#include "store/mongo.h"

namespace fm::archive {

struct ChosenName {
  std::string name;
  std::string slug;
  // The dataset that has the name now; only with `overwrite`.
  std::optional<bson::Document> replaces;
};

// Checks a name, or makes one of the time. Throws Error(kPrecondition) with the
// original's texts when name or slug are in use, Error(kUsage) for what is no
// name.
ChosenName choose_name(Mongo& mongo, const std::optional<std::string>& name, bool overwrite, std::int64_t now_ms);

// Throws Error(kUsage) for text that is not UTF-8: stored, no client could read
// the document it stands in. `what` begins the message.
void require_utf8(const std::string& text, const std::string& what, const std::string& remedy);

}  // namespace fm::archive
