#include <algorithm>
#include <cctype>
#include <fstream>

#include "base/error.h"
#include "media/media_config.h"

namespace fm::media {

namespace {

using Section = std::map<std::string, std::string>;

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::string interpolated(const std::string& text, const Section& section, const std::string& place, int depth) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const auto next = i + 1 < text.size() ? text[i + 1] : '\0';
    const auto end = next == '(' ? text.find(")s", i) : std::string::npos;
    if (next == '%') {
      out += '%';
      ++i;
    } else if (end != std::string::npos && depth < 10) {
      const auto found = section.find(lower(text.substr(i + 2, end - i - 2)));
      if (found == section.end()) throw Error(Exit::kUsage, place + " refers to a name that is not there");
      out += interpolated(found->second, section, place, depth + 1);
      i = end + 1;
    } else {
      throw Error(Exit::kUsage, place + " has a '%' that stands for nothing", "Write %% for a % in such a file.");
    }
  }
  return out;
}

}  // namespace

std::map<std::string, std::string> read_ini(const std::string& file, const std::string& section) {
  std::ifstream in(file);
  if (!in) throw Error(Exit::kUsage, "The credentials file '" + file + "' cannot be read");
  std::map<std::string, Section> sections;
  std::string current;
  std::string last;
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    const auto text = trimmed(line);
    if (text.empty() || text[0] == '#' || text[0] == ';') continue;
    if (text[0] == '[' && text.ends_with(']')) {
      current = trimmed(text.substr(1, text.size() - 2));
      if (current.starts_with("profile ")) current = trimmed(current.substr(8));  // as AWS writes them
      last.clear();
      sections[current];
      continue;
    }
    const auto at = text.find_first_of("=:");
    if ((line[0] == ' ' || line[0] == '\t') && !last.empty()) {
      // What is indented belongs to the line before; keys below a key, as of
      // "s3 =", are not ours.
      if (at == std::string::npos) sections[current][last] += text;
      continue;
    }
    if (at == std::string::npos || current.empty()) {
      throw Error(Exit::kUsage, "Line " + std::to_string(number) + " of '" + file + "' is not 'key = value'");
    }
    last = lower(trimmed(text.substr(0, at)));
    sections[current][last] = trimmed(text.substr(at + 1));
  }
  const auto found = sections.find(section);
  if (found == sections.end()) throw Error(Exit::kUsage, "'" + file + "' has no section '" + section + "'");
  Section out;
  for (const auto& [key, value] : found->second) {
    out[key] = interpolated(value, found->second, "'" + key + "' in '" + file + "'", 0);
  }
  return out;
}

}  // namespace fm::media
