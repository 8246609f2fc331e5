#include "backup/layout.h"

#include "base/hash.h"
#include "base/percent.h"

namespace fm::dump {

namespace {

constexpr std::size_t kLongest = 238;  // leaves room for the longest ending
constexpr std::size_t kKept = 208;

// What Go's url.PathEscape leaves as it is, beside letters and digits.
constexpr std::string_view kPlain = "-_.~$&+=:@";

// For URLs and without padding, as RFC 4648 has it.
std::string base64(std::string_view bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  unsigned bits = 0;
  unsigned count = 0;
  for (const char c : bytes) {
    bits = (bits << 8 | static_cast<unsigned char>(c)) & 0xFFFF;
    for (count += 8; count >= 6; count -= 6) out += kDigits[bits >> (count - 6) & 63];
  }
  if (count > 0) out += kDigits[bits << (6 - count) & 63];
  return out;
}

}  // namespace

std::string file_stem(std::string_view collection) {
  auto out = percent_encoded(collection, kPlain);
  if (out.size() > kLongest) out = out.substr(0, kKept) + "%24" + base64(sha1(collection));
  return out;
}

bool is_dumped(std::string_view collection) {
  if (collection == "system.js") return true;
  return !collection.starts_with("system.") && collection.find('$') == std::string_view::npos;
}

}  // namespace fm::dump
