#include "media/remap.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "ops/server_form.h"

namespace fm::media {

using bson::Array;
using bson::Document;
using bson::Value;
using ops::literal;

namespace {

bool is_scheme(std::string_view prefix) { return prefix.ends_with("://"); }

std::string normal(std::string prefix) {
  if (!is_scheme(prefix) && prefix.ends_with('/')) prefix.pop_back();
  return prefix;
}

// What a longer path that fits begins with.
std::string head(const PrefixRule& rule) { return is_scheme(rule.from) ? rule.from : rule.from + "/"; }

std::string as_pattern(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80 && !std::isalnum(byte) && c != '_') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

Remap::Remap(std::vector<PrefixRule> rules) : rules_(std::move(rules)) {
  for (auto& rule : rules_) {
    if (rule.from.empty() || rule.to.empty()) throw Error(Exit::kUsage, "A prefix to rewrite may not be empty");
    if (is_scheme(rule.from) != is_scheme(rule.to)) {
      throw Error(Exit::kUsage,
                  "Only another scheme can take the place of a scheme: '" + rule.from + "' and '" + rule.to + "'");
    }
    rule = {normal(rule.from), normal(rule.to)};
  }
  std::stable_sort(rules_.begin(), rules_.end(),
                   [](const auto& a, const auto& b) { return a.from.size() > b.from.size(); });
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (rules_[k].from == rules_[i].from) {
        throw Error(Exit::kUsage, "The prefix '" + rules_[i].from + "' is given twice");
      }
    }
  }
  // Doing it twice would have to count once: a killed run is repeated.
  for (const auto& rule : rules_) {
    if (!(*this)(rule.to)) continue;
    throw Error(Exit::kUsage, "'" + rule.to + "' begins with a prefix that is rewritten itself",
                "Rewrite to a prefix that is not in use first, and from there in a second run.");
  }
}

std::optional<std::string> Remap::operator()(std::string_view path) const {
  for (const auto& rule : rules_) {
    if (path == rule.from || path.starts_with(head(rule))) {
      return rule.to + std::string(path.substr(rule.from.size()));
    }
  }
  return std::nullopt;
}

Value Remap::expression(const Value& text) const {
  Array branches;
  for (const auto& rule : rules_) {
    const auto start = head(rule);
    // Whatever follows the end of the window is not looked at.
    const Value begins =
        Document{{"$eq", Array{Document{{"$indexOfBytes", Array{text, literal(start), std::int32_t{0},
                                                                static_cast<std::int32_t>(start.size())}}},
                               std::int32_t{0}}}};
    const Value is = Document{{"$eq", Array{text, literal(rule.from)}}};
    const Value rest = Document{
        {"$substrBytes", Array{text, static_cast<std::int32_t>(rule.from.size()), Document{{"$strLenBytes", text}}}}};
    branches.append(Document{{"case", Document{{"$or", Array{is, begins}}}},
                             {"then", Document{{"$concat", Array{literal(rule.to), rest}}}}});
  }
  return Document{{"$switch", Document{{"branches", std::move(branches)}, {"default", text}}}};
}

std::string Remap::pattern() const {
  std::string out;
  for (const auto& rule : rules_) {
    out += out.empty() ? "^(?:" : "|";
    out += is_scheme(rule.from) ? as_pattern(rule.from) : as_pattern(rule.from) + "(?:/|\\z)";
  }
  return out + ")";
}

}  // namespace fm::media
