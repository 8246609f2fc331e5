// Percent-encoding. In a header, so that the module of object stores, which links
// no library of ours, has it too.
#pragma once

#include <string>
#include <string_view>

namespace fm {

// ASCII letters, digits and the characters of `plain` stay; every other byte
// becomes %XX, upper case.
inline std::string percent_encoded(std::string_view text, std::string_view plain) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (alphanumeric || plain.find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

}  // namespace fm
