#include "base/text.h"

#include <fmt/chrono.h>
#include <chrono>

#include <fmt/format.h>

#include <algorithm>
#include <clocale>
#include <cmath>
#include <ctime>
#include <cwchar>
#include <iterator>
#include <utility>
#include <vector>

namespace fm {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Decodes the code point at the start of `s`, which is not empty; returns its
// length in bytes.
std::size_t decode(std::string_view s, char32_t& out) {
  auto lead = static_cast<unsigned char>(s[0]);
  std::size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  constexpr unsigned char kMask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
  out = kReplacement;
  if (length > s.size() || (lead >= 0x80 && (lead < 0xC2 || lead > 0xF4))) {
    return 1;
  }
  char32_t c = lead & kMask[length];
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(s[i])) {
      return 1;
    }
    c = c << 6 | (static_cast<unsigned char>(s[i]) & 0x3F);
  }
  if (c < kLeast[length] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) {
    return 1;
  }
  out = c;
  return length;
}

template <class F>
void for_each_code_point(std::string_view s, F f) {
  while (!s.empty()) {
    char32_t c;
    std::size_t n = decode(s, c);
    f(c);
    s.remove_prefix(n);
  }
}

// Makes wcwidth speak of Unicode on this thread, whatever the program's locale.
class UnicodeLocale {
 public:
  UnicodeLocale() : old_(uselocale(shared())) {}
  ~UnicodeLocale() { uselocale(old_); }
  UnicodeLocale(const UnicodeLocale&) = delete;
  UnicodeLocale& operator=(const UnicodeLocale&) = delete;

 private:
  // Null, where the system has no such locale, leaves the current one in use.
  static locale_t shared() {
    static const locale_t kLocale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return kLocale;
  }
  locale_t old_;
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_ignoring_case(std::string_view a, std::string_view b) { return std::ranges::equal(a, b, {}, lower, lower); }

// Insertions, deletions, substitutions and swaps of neighbours.
std::size_t edit_distance(const std::u32string& a, const std::u32string& b) {
  std::vector<std::size_t> before;
  std::vector<std::size_t> last;
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) {
    row[j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before = std::exchange(last, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
  }
  return row.back();
}

std::u32string folded(std::string_view s) {
  std::u32string text = code_points(s);
  for (char32_t& c : text) {
    c = c == U'_' ? U'-' : c < 0x80 ? static_cast<char32_t>(lower(static_cast<char>(c))) : c;
  }
  return text;
}

bool is_option_name(std::string_view s) {
  return !s.empty() && std::ranges::all_of(s, [](char c) { return lower(c) >= 'a' && lower(c) <= 'z'; });
}

// Where "?name=value&..." begins, or the end.
std::size_t options_start(std::string_view s) {
  for (std::size_t q = s.find('?'); q != std::string_view::npos; q = s.find('?', q + 1)) {
    std::size_t equals = s.find('=', q);
    if (equals != std::string_view::npos && is_option_name(s.substr(q + 1, equals - q - 1))) {
      return q;
    }
  }
  return s.size();
}

bool looks_like_host(std::string_view s) {
  std::size_t colon = s.rfind(':');
  if (colon == std::string_view::npos || s.ends_with(']')) {
    return true;
  }
  std::string_view port = s.substr(colon + 1);
  bool bracketed = s.starts_with('[') && colon > 0 && s[colon - 1] == ']';
  return (bracketed || s.find(':') == colon) && !port.empty() &&
         std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; });
}

bool looks_like_hosts(std::string_view s) {
  s = s.substr(0, s.find_first_of("/?"));
  while (true) {
    std::size_t comma = s.find(',');
    if (!looks_like_host(s.substr(0, comma))) {
      return false;
    }
    if (comma == std::string_view::npos) {
      return true;
    }
    s.remove_prefix(comma + 1);
  }
}

std::string mask_option(std::string_view option) {
  constexpr std::string_view kSecret[] = {"tlsCertificateKeyFilePassword", "sslClientCertificateKeyPassword",
                                          "proxyPassword", "password"};
  std::size_t equals = option.find('=');
  std::string_view name = option.substr(0, equals);
  bool secret = std::ranges::any_of(kSecret, [&](std::string_view s) { return equal_ignoring_case(s, name); });
  if (equal_ignoring_case(name, "authMechanismProperties")) {
    std::string folded_value(option);
    std::ranges::transform(folded_value, folded_value.begin(), lower);
    secret = folded_value.find("token") != std::string::npos;
  }
  return secret && equals != std::string_view::npos ? std::string(name) + "=***" : std::string(option);
}

std::string mask_options(std::string_view options) {
  std::string text;
  while (true) {
    std::size_t end = options.find('&');
    text += mask_option(options.substr(0, end));
    if (end == std::string_view::npos) {
      return text;
    }
    text += '&';
    options.remove_prefix(end + 1);
  }
}

void append_utf8(std::string& out, char32_t c) {
  const auto add = [&](char32_t bits) { out += static_cast<char>(bits); };
  if (c < 0x80) {
    add(c);
  } else if (c < 0x800) {
    add(0xC0 | c >> 6);
    add(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    add(0xE0 | c >> 12);
    add(0x80 | (c >> 6 & 0x3F));
    add(0x80 | (c & 0x3F));
  } else {
    add(0xF0 | c >> 18);
    add(0x80 | (c >> 12 & 0x3F));
    add(0x80 | (c >> 6 & 0x3F));
    add(0x80 | (c & 0x3F));
  }
}

}  // namespace

std::string clean_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char32_t c : code_points(text)) append_utf8(out, c);
  return out;
}

std::u32string code_points(std::string_view utf8) {
  std::u32string text;
  text.reserve(utf8.size());
  for_each_code_point(utf8, [&](char32_t c) { text += c; });
  return text;
}

std::size_t count_code_points(std::string_view utf8) {
  std::size_t n = 0;
  for_each_code_point(utf8, [&](char32_t) { ++n; });
  return n;
}

std::string_view first_code_points(std::string_view utf8, std::size_t n) {
  std::size_t bytes = 0;
  for (; n > 0 && bytes < utf8.size(); --n) {
    char32_t c;
    bytes += decode(utf8.substr(bytes), c);
  }
  return utf8.substr(0, bytes);
}

std::string_view last_code_points(std::string_view utf8, std::size_t n) {
  std::size_t all = count_code_points(utf8);
  return utf8.substr(first_code_points(utf8, all - std::min(n, all)).size());
}

std::size_t display_width(std::string_view utf8) {
  UnicodeLocale locale;
  std::size_t width = 0;
  for_each_code_point(utf8, [&](char32_t c) {
    int cells = wcwidth(static_cast<wchar_t>(c));
    width += cells > 0 ? static_cast<std::size_t>(cells) : 0;
  });
  return width;
}

std::string one_line(std::string_view utf8, std::size_t cells) {
  const UnicodeLocale locale;
  std::string out;
  std::size_t width = 0;
  std::size_t fits = 0;  // bytes of `out` that leave room for the ellipsis
  while (!utf8.empty()) {
    const auto bytes = first_code_points(utf8, 1);
    const char32_t c = code_points(bytes).front();
    const int wide = wcwidth(static_cast<wchar_t>(c));
    width += wide < 0 ? 1 : static_cast<std::size_t>(wide);
    if (width > cells) return out.substr(0, fits) + "\u2026";
    out += wide < 0 ? std::string_view(" ") : bytes;
    if (width < cells) fits = out.size();
    utf8.remove_prefix(bytes.size());
  }
  return out;
}

std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates) {
  std::u32string wanted = folded(word);
  std::size_t best = std::max<std::size_t>(wanted.size() / 3, 1) + 1;
  const std::string* found = nullptr;
  for (const std::string& candidate : candidates) {
    std::size_t distance = edit_distance(wanted, folded(candidate));
    if (distance < best && distance < wanted.size()) {
      best = distance;
      found = &candidate;
    }
  }
  return found != nullptr ? std::optional(*found) : std::nullopt;
}

std::string format_count(std::int64_t n) {
  std::string text = fmt::format("{}", n);
  std::ptrdiff_t least = n < 0 ? 1 : 0;
  for (auto i = static_cast<std::ptrdiff_t>(text.size()) - 3; i > least; i -= 3) {
    text.insert(static_cast<std::size_t>(i), 1, ',');
  }
  return text;
}

std::string utc_text(std::int64_t ms) {
  const std::chrono::sys_seconds second(std::chrono::seconds(ms / 1000));
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(std::chrono::system_clock::to_time_t(second)));
}

std::string format_duration(double seconds) {
  if (!(seconds >= 0)) {
    seconds = 0;
  }
  if (seconds < 9.95) {
    return fmt::format("{:.1f} s", seconds);
  }
  auto s = static_cast<std::int64_t>(std::llround(std::min(seconds, 1e15)));
  if (s < 60) {
    return fmt::format("{} s", s);
  }
  if (s < 3600) {
    return fmt::format("{} min {:02} s", s / 60, s % 60);
  }
  std::int64_t minutes = s / 60;
  if (minutes < std::int64_t{48} * 60) {
    return fmt::format("{} h {:02} min", minutes / 60, minutes % 60);
  }
  return fmt::format("{} d {} h", minutes / 1440, minutes / 60 % 24);
}

std::string format_bytes(std::uint64_t bytes) {
  if (bytes < 1024) {
    return fmt::format("{} B", bytes);
  }
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1023.5 && unit + 1 < std::size(kUnits); ++unit) {
    value /= 1024;
  }
  return fmt::format("{:.{}f} {}", value, value < 9.95 ? 1 : 0, kUnits[unit]);
}

std::string mask_uri(std::string_view uri) {
  std::size_t scheme = uri.find("://");
  std::size_t start = scheme == std::string_view::npos ? 0 : scheme + 3;
  std::string_view rest = uri.substr(start);
  std::size_t options = options_start(rest);

  std::size_t at = rest.substr(0, options).rfind('@');
  if (at == std::string_view::npos && !looks_like_hosts(rest)) {
    at = rest.rfind('@');
    if (at != std::string_view::npos) {
      options = at + 1 + options_start(rest.substr(at + 1));
    }
  }
  std::string text(uri.substr(0, start));
  if (at != std::string_view::npos) {
    std::string_view user = rest.substr(0, at);
    std::size_t colon = user.find(':');
    text += user.substr(0, colon);
    text += colon != std::string_view::npos ? ":***" : "";
  } else {
    at = 0;
  }
  text += rest.substr(at, options - at);
  if (options < rest.size()) {
    text += '?';
    text += mask_options(rest.substr(options + 1));
  }
  return text;
}

std::string local_stamp(std::int64_t ms, bool with_micros) {
  std::int64_t fraction = ms % 1000;
  if (fraction < 0) {
    fraction += 1000;
  }
  std::time_t seconds = (ms - fraction) / 1000;
  std::tm t = {};
  localtime_r(&seconds, &t);
  std::string text = fmt::format("{:04}.{:02}.{:02}.{:02}.{:02}.{:02}", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
                                 t.tm_hour, t.tm_min, t.tm_sec);
  return with_micros ? fmt::format("{}.{:06}", text, fraction * 1000) : text;
}

}  // namespace fm
