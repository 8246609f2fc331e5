// Colours, where they are wanted: for headings and errors only.
#pragma once

#include <string>

namespace fm::cli {

class Style {
 public:
  Style() = default;
  explicit Style(bool on) : on_(on) {}
  // `when` is auto, always or never; auto is a terminal that can, unless
  // NO_COLOR is set and not empty.
  static Style choose(const std::string& when, int descriptor);

  std::string heading(const std::string& text) const { return wrap("\033[1m", text); }
  std::string error(const std::string& text) const { return wrap("\033[1;31m", text); }

 private:
  std::string wrap(const char* code, const std::string& text) const { return on_ ? code + text + "\033[0m" : text; }
  bool on_ = false;
};

}  // namespace fm::cli
