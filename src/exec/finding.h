// What a look at a deployment found, and what to do about it.
#pragma once

#include <string>

#include "bson/document.h"

namespace fm {

struct Finding {
  // kNote: worth knowing. kWarning: a migration can go wrong. kBlocker: it
  // should not start.
  enum class Level { kOk, kNote, kWarning, kBlocker };

  std::string id;  // "disk", "clients", ...; never changes
  Level level = Level::kOk;
  std::string what;  // the thing looked at
  std::string found;
  std::string remedy = "";      // empty where nothing is to be done
  bson::Document details = {};  // the same for programs, where there is more to say
};

const char* name_of(Finding::Level level);

}  // namespace fm
