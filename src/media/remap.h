// Prefixes of paths and what takes their place.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bson/document.h"

namespace fm::media {

// "/data/demo" means the path itself and all below it, "/data/demo2" is not
// below it; a slash at its end changes nothing. One that ends in "://" is a
// scheme.
struct PrefixRule {
  std::string from;
  std::string to;
};

// The longest prefix that fits wins.
class Remap {
 public:
  // Throws Error(kUsage) for empty texts, a prefix given twice, a scheme
  // replaced by something else than a scheme, and new prefixes that a rule fits.
  explicit Remap(std::vector<PrefixRule> rules);

  const std::vector<PrefixRule>& rules() const { return rules_; }  // longest first

  // Nothing for a path that no rule fits.
  std::optional<std::string> operator()(std::string_view path) const;

  // The same on the server: an expression that gives the new text for a text, or
  // the text itself.
  bson::Value expression(const bson::Value& text) const;
  // A regular expression for what some rule fits.
  std::string pattern() const;

 private:
  std::vector<PrefixRule> rules_;
};

}  // namespace fm::media
