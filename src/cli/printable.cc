#include "cli/printable.h"

#include <unistd.h>

#include "cli/style.h"

namespace fm::cli {

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
    if (byte == 0xC2 && next >= 0x80 && next < 0xA0) {  // U+0080 to U+009F
      out += ' ';
      ++i;
    } else if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F) {
      out += ' ';
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string version_text(std::string_view version) {
  return (version.starts_with('v') ? "" : "v") + std::string(version);
}

std::string printable_on(int fd, std::string_view text) {
  return isatty(fd) != 0 ? printable(text) : std::string(text);
}

std::string printable_styled_on(int fd, std::string_view text) {
  if (isatty(fd) == 0) return std::string(text);
  std::string out;
  while (!text.empty()) {
    const auto code = Style::code_at(text);
    const auto end = code.empty() ? text.find(Style::kEscape, 1) : code.size();
    const auto part = text.substr(0, end);
    out += code.empty() ? printable(part) : std::string(part);
    text.remove_prefix(part.size());
  }
  return out;
}

}  // namespace fm::cli
