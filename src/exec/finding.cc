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

std::string utc_text(std::int64_t ms) {
  const std::chrono::sys_seconds second(std::chrono::seconds(ms / 1000));
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(std::chrono::system_clock::to_time_t(second)));
}

}  // namespace fm
