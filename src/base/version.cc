#include "base/version.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <tuple>
#include <utility>

#include "base/error.h"

namespace fm {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// What Python calls white space, as UTF-8: the original strips that much.
constexpr std::string_view kSpaces[] = {
    " ",      "\t",     "\n",     "\r",     "\f",     "\v",     "\x1c",   "\x1d",   "\x1e",   "\x1f",
    "\u0085", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006",
    "\u2007", "\u2008", "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000",
};

std::string_view strip(std::string_view text) {
  auto starts = [&](std::string_view space) { return text.starts_with(space); };
  auto ends = [&](std::string_view space) { return text.ends_with(space); };
  for (const std::string_view* s; (s = std::ranges::find_if(kSpaces, starts)) != std::end(kSpaces);) {
    text.remove_prefix(s->size());
  }
  for (const std::string_view* s; (s = std::ranges::find_if(kSpaces, ends)) != std::end(kSpaces);) {
    text.remove_suffix(s->size());
  }
  return text;
}

// The longest prefix first: "alpha" before "a", "rev" before "r".
struct Spelling {
  std::string_view text;
  const char* normal;
};
constexpr Spelling kPre[] = {{"alpha", "a"},    {"a", "a"},    {"beta", "b"}, {"b", "b"},
                             {"preview", "rc"}, {"pre", "rc"}, {"c", "rc"},   {"rc", "rc"}};
constexpr Spelling kPost[] = {{"post", "post"}, {"rev", "post"}, {"r", "post"}};
constexpr Spelling kDev[] = {{"dev", "dev"}};

std::optional<std::uint64_t> to_number(std::string_view digits) {
  std::uint64_t n = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  return n;
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty(); }

  bool skip(char c) {
    if (rest_.empty() || lower(rest_.front()) != c) {
      return false;
    }
    rest_.remove_prefix(1);
    return true;
  }

  void skip_separator() {
    if (!rest_.empty() && is_separator(rest_.front())) {
      rest_.remove_prefix(1);
    }
  }

  template <class Is>
  std::string_view take_while(Is is) {
    auto end = std::ranges::find_if_not(rest_, is);
    std::string_view taken = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  std::string_view digits() { return take_while(is_digit); }

  // "<separator>?<word><separator>?<digits>?"; moves only when it is there.
  struct Part {
    const char* normal;
    std::string_view digits;
  };
  template <std::size_t N>
  std::optional<Part> part(const Spelling (&spellings)[N]) {
    Scanner ahead = *this;
    ahead.skip_separator();
    for (const Spelling& s : spellings) {
      if (ahead.skip_word(s.text)) {
        ahead.skip_separator();
        Part part{s.normal, ahead.digits()};
        *this = ahead;
        return part;
      }
    }
    return std::nullopt;
  }

  // "-<digits>", the post release without a word.
  std::optional<std::string_view> implicit_post() {
    Scanner ahead = *this;
    if (!ahead.skip('-')) {
      return std::nullopt;
    }
    std::string_view digits = ahead.digits();
    if (digits.empty()) {
      return std::nullopt;
    }
    *this = ahead;
    return digits;
  }

  static bool is_separator(char c) { return c == '.' || c == '-' || c == '_'; }

 private:
  bool skip_word(std::string_view word) {
    if (rest_.size() < word.size() || !std::ranges::equal(word, rest_.substr(0, word.size()), {}, {}, lower)) {
      return false;
    }
    rest_.remove_prefix(word.size());
    return true;
  }

  std::string_view rest_;
};

// Absent numbers count as 0, too large ones make the version unparsable.
bool read_number(std::string_view digits, std::uint64_t& out) {
  auto n = digits.empty() ? std::optional<std::uint64_t>(0) : to_number(digits);
  out = n.value_or(0);
  return n.has_value();
}

}  // namespace

std::optional<Version> Version::try_parse(std::string_view text) {
  Scanner in(strip(text));
  Version v;
  in.skip('v');

  std::string_view digits = in.digits();
  if (in.skip('!')) {
    if (digits.empty() || !read_number(digits, v.epoch_)) {
      return std::nullopt;
    }
    digits = in.digits();
  }
  while (true) {
    auto n = to_number(digits);
    if (!n) {
      return std::nullopt;
    }
    v.release_.push_back(*n);
    // A dot without a number behind it may still belong to a suffix.
    Scanner ahead = in;
    if (!ahead.skip('.') || (digits = ahead.digits()).empty()) {
      break;
    }
    in = ahead;
  }

  if (auto pre = in.part(kPre)) {
    v.pre_.emplace(pre->normal, 0);
    if (!read_number(pre->digits, v.pre_->second)) {
      return std::nullopt;
    }
  }
  if (auto post = in.implicit_post()) {
    if (!read_number(*post, v.post_.emplace())) {
      return std::nullopt;
    }
  } else if (auto named = in.part(kPost)) {
    if (!read_number(named->digits, v.post_.emplace())) {
      return std::nullopt;
    }
  }
  if (auto dev = in.part(kDev)) {
    if (!read_number(dev->digits, v.dev_.emplace())) {
      return std::nullopt;
    }
  }

  if (in.skip('+')) {
    do {
      auto part = in.take_while([](char c) { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z'); });
      if (part.empty()) {
        return std::nullopt;
      }
      LocalPart& local = v.local_.emplace_back();
      local.numeric = std::ranges::all_of(part, is_digit);
      if (local.numeric) {
        if (!read_number(part, local.number)) {
          return std::nullopt;
        }
      } else {
        std::ranges::transform(part, std::back_inserter(local.text), lower);
      }
    } while (in.skip('.') || in.skip('-') || in.skip('_'));
  }
  return in.done() ? std::optional(std::move(v)) : std::nullopt;
}

Version Version::parse(std::string_view text) {
  if (auto v = try_parse(text)) {
    return *std::move(v);
  }
  throw Error(Exit::kIncompatible, fmt::format("Invalid version: '{}'", text), "", "packaging.version.InvalidVersion");
}

Version Version::base() const {
  Version v;
  v.epoch_ = epoch_;
  v.release_ = release_;
  return v;
}

std::string Version::str() const {
  std::string text = epoch_ != 0 ? fmt::format("{}!", epoch_) : "";
  text += fmt::format("{}", fmt::join(release_, "."));
  if (pre_) {
    text += fmt::format("{}{}", pre_->first, pre_->second);
  }
  if (post_) {
    text += fmt::format(".post{}", *post_);
  }
  if (dev_) {
    text += fmt::format(".dev{}", *dev_);
  }
  char separator = '+';
  for (const LocalPart& part : local_) {
    text += separator;
    text += part.numeric ? fmt::format("{}", part.number) : part.text;
    separator = '.';
  }
  return text;
}

bool Version::is_prerelease() const { return pre_ || dev_; }

std::strong_ordering Version::operator<=>(const Version& other) const {
  if (auto order = epoch_ <=> other.epoch_; order != 0) {
    return order;
  }
  std::size_t parts = std::max(release_.size(), other.release_.size());
  for (std::size_t i = 0; i < parts; ++i) {
    std::uint64_t a = i < release_.size() ? release_[i] : 0;
    std::uint64_t b = i < other.release_.size() ? other.release_[i] : 0;
    if (auto order = a <=> b; order != 0) {
      return order;
    }
  }
  // A bare development release comes before all pre releases, which come
  // before the release; a development release precedes what it leads to.
  auto pre_rank = [](const Version& v) { return v.pre_ ? 1 : v.dev_ && !v.post_ ? 0 : 2; };
  auto dev_rank = [](const Version& v) { return std::pair(!v.dev_.has_value(), v.dev_.value_or(0)); };
  if (auto order = std::tuple(pre_rank(*this), pre_, post_, dev_rank(*this)) <=>
                   std::tuple(pre_rank(other), other.pre_, other.post_, dev_rank(other));
      order != 0) {
    return order;
  }
  return std::lexicographical_compare_three_way(local_.begin(), local_.end(), other.local_.begin(), other.local_.end(),
                                                [](const LocalPart& a, const LocalPart& b) {
                                                  return std::tie(a.numeric, a.number, a.text) <=>
                                                         std::tie(b.numeric, b.number, b.text);
                                                });
}

Specifier Specifier::parse(std::string_view text) {
  // Two-character operators before the one-character ones they begin with.
  constexpr std::string_view kOps[] = {">=", "<=", "==", "!=", "<", ">"};
  auto invalid = [&] {
    return Error(Exit::kIncompatible, fmt::format("Invalid specifier: '{}'", text), "",
                 "packaging.specifiers.InvalidSpecifier");
  };
  Specifier set;
  set.text_ = text;
  std::size_t start = 0;
  while (start <= text.size()) {
    std::size_t comma = std::min(text.find(',', start), text.size());
    std::string_view clause = strip(text.substr(start, comma - start));
    start = comma + 1;
    if (clause.empty()) {
      continue;
    }
    const auto* op = std::ranges::find_if(kOps, [&](std::string_view o) { return clause.starts_with(o); });
    auto version = op != std::end(kOps) ? Version::try_parse(clause.substr(op->size())) : std::nullopt;
    // A local part has a meaning only where versions are told apart exactly.
    if (!version || (!version->local_.empty() && *op != "==" && *op != "!=")) {
      throw invalid();
    }
    set.clauses_.push_back({std::string(*op), *std::move(version)});
  }
  return set;
}

bool Specifier::contains(std::string_view version) const {
  auto parsed = Version::try_parse(version);
  if (!parsed) {
    return false;
  }
  const Version& v = *parsed;
  Version release = v;
  release.local_.clear();
  return std::ranges::all_of(clauses_, [&](const Clause& c) {
    if (c.op == ">=") {
      return release >= c.version;
    }
    if (c.op == "<=") {
      return release <= c.version;
    }
    if (c.op == "<") {
      Version bound = c.version;
      if (!bound.is_prerelease()) {
        bound.dev_ = 0;  // the first of its own prereleases
      }
      return v < bound;
    }
    if (c.op == ">") {
      bool own_post =
          v.post_ && !c.version.post_ && !c.version.dev_ && v.pre_ == c.version.pre_ && v.base() == c.version.base();
      return release > c.version && !own_post;
    }
    bool equal = (c.version.local_.empty() ? release : v) == c.version;
    return equal == (c.op == "==");
  });
}

}  // namespace fm
