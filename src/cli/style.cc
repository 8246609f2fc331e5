#include "cli/style.h"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace fm::cli {

Style Style::choose(const std::string& when, int descriptor) {
  if (when != "auto") return Style(when == "always");
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string_view(value ? value : "");
  };
  return Style(isatty(descriptor) != 0 && variable("NO_COLOR").empty() && variable("TERM") != "dumb");
}

}  // namespace fm::cli
