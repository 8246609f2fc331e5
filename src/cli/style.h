// Colours, where they are wanted: for headings and errors only.
#pragma once

#include <string>
#include <string_view>

namespace fm::cli {

class Style {
 public:
  Style() = default;
  explicit Style(bool on) : on_(on) {}
  // `when` is auto, always or never; auto is a terminal that can, unless
  // NO_COLOR is set and not empty.
  static Style choose(const std::string& when, int descriptor);

  std::string heading(const std::string& text) const { return wrap(kHeading, text); }
  std::string error(const std::string& text) const { return wrap(kError, text); }

  static constexpr char kEscape = '\033';
  // The code of a style with which a text begins; empty where there is none.
  static std::string_view code_at(std::string_view text) {
    for (const std::string_view code : {kHeading, kError, kEnd}) {
      if (text.starts_with(code)) return code;
    }
    return {};
  }

 private:
  static constexpr const char* kHeading = "\033[1m";
  static constexpr const char* kError = "\033[1;31m";
  static constexpr const char* kEnd = "\033[0m";

  std::string wrap(const char* code, const std::string& text) const { return on_ ? code + text + kEnd : text; }
  bool on_ = false;
};

}  // namespace fm::cli
