#include "exec/finding.h"

#include <fmt/chrono.h>

namespace fm {

const char* name_of(Finding::Level level) {
  switch (level) {
    case Finding::Level::kOk:
      return "ok";
    case Finding::Level::kNote:
      return "note";
    case Finding::Level::kWarning:
      return "warning";
    case Finding::Level::kBlocker:
      return "blocker";
  }
  return "";
}

}  // namespace fm
