// A text that does not print: whoever needs it has to say reveal().
#pragma once

#include <string>
#include <utility>

namespace fm {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}

  const std::string& reveal() const { return text_; }

  // What may be shown: a URI with "***" for each secret in it, and nothing but
  // "***" for any other text.
  std::string masked() const;

  bool operator==(const Secret&) const = default;

 private:
  std::string text_;
};

}  // namespace fm
