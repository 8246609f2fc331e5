#include "cli/command_line.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "base/text.h"
#include "config/settings.h"

namespace fm::cli {

namespace {

// A secret may follow NAME= alone ("--set NAME=VALUE") or as part of the word.
std::string masked(std::string_view word) {
  for (const auto& setting : settings_table()) {
    if (!setting.is_secret()) continue;
    const auto name = std::string(setting.name) + "=";
    const auto at = word.find(name);
    if (at == std::string_view::npos) continue;
    const auto value = word.substr(at + name.size());
    const bool is_uri = value.find("://") != std::string_view::npos;
    return std::string(word.substr(0, at)) + name + (is_uri ? mask_uri(value) : "***");
  }
  return word.find("://") == std::string_view::npos ? std::string(word) : mask_uri(word);
}

std::string quoted(const std::string& word) {
  const auto plain = [](unsigned char c) {
    return std::isalnum(c) || c >= 0x80 ||
           std::string_view("-_=+.,:/@%*").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

std::string command_line(int argc, char** argv) {
  if (argc < 1) return "";
  const std::string_view program = argv[0];
  std::string out(program.substr(program.rfind('/') + 1));
  for (int i = 1; i < argc; ++i) out += " " + quoted(masked(argv[i]));
  return out;
}

}  // namespace fm::cli
