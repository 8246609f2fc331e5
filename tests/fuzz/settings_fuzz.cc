// A configuration file, and the same text as a variable and a flag: taken, or a
// usage error that does not tell a secret.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>

#include "base/error.h"
#include "base/text.h"
#include "config/settings.h"
#include "fuzz/check.h"

using namespace fm;

namespace {

const std::string& file() {
  static const std::string kPath = "/tmp/settings_fuzz." + std::to_string(getpid());
  return kPath;
}

struct Remove {
  ~Remove() { std::remove(file().c_str()); }
} remove_at_end;

void load(const std::vector<std::pair<std::string, std::string>>& flags, std::map<std::string, std::string> variables) {
  variables["HOME"] = "/nowhere";
  try {
    const auto settings = load_settings(flags, Environment(std::move(variables)));
    for (const auto& setting : settings_table()) static_cast<void>(shown_value(settings, setting));
  } catch (const Error& error) {
    fuzz::check(error.code() == Exit::kUsage, "what is wrong with a setting is a usage error");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (std::FILE* out = std::fopen(file().c_str(), "wb")) {
    std::fwrite(text.data(), 1, text.size(), out);
    std::fclose(out);
  }
  load({{"config", file()}}, {});
  if (text.find('\0') != std::string::npos) return 0;  // no variable, and no word of a command line
  const auto& table = settings_table();
  const auto& setting = table[text.empty() ? 0 : static_cast<unsigned char>(text[0]) % table.size()];
  const auto rest = text.substr(std::min<std::size_t>(text.size(), 1));
  load({}, {{setting.variable, rest}});
  load({{std::string(setting.name), rest}}, {});
  try {
    const auto [name, value] = parse_assignment(text);
    load({{name, value}}, {});
  } catch (const Error&) {
  }
  const auto masked = mask_uri("mongodb://user:5ecret@" + text);
  fuzz::check(masked.find("5ecret@") == std::string::npos, "a password is masked");
  return 0;
}
