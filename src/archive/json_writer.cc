#include "archive/json_writer.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>
#include <vector>

#include "archive/base64.h"
#include "archive/extended_json.h"
#include "bson/json.h"

namespace fm::archive {

namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr std::int64_t kEndOfYear9999 = 253402300799999;

template <class T>
T load(const std::uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

class Writer {
 public:
  Writer(JsonStyle style, std::string& out) : canonical_(style == JsonStyle::kCanonical), out_(out) {}

  void document(const std::uint8_t* at) {
    out_ += '{';
    elements(at, [&](std::string_view key) {
      if (!key.empty() && key[0] == '$' && is_extended_key(key) && key != "$type") {
        refuse("is called like a type of Extended JSON, so that it could not be read back");
      }
      string(key);
      out_ += ": ";
    });
    out_ += '}';
  }

 private:
  // All values of a document or an array, each behind what `name` writes.
  template <class Name>
  void elements(const std::uint8_t* at, const Name& name) {
    bool first = true;
    for (at += 4; *at != 0;) {
      const auto type = static_cast<bson_type_t>(*at++);
      const std::string_view key(reinterpret_cast<const char*>(at));
      at += key.size() + 1;
      if (!first) out_ += ", ";
      first = false;
      path_.push_back(key);
      name(key);
      at = value(type, at);
      path_.pop_back();
    }
  }

  [[noreturn]] void refuse(const char* why) const {
    std::string path;
    for (const auto& key : path_) path += (path.empty() ? "" : ".") + std::string(key);
    throw NotWritable("'" + path + "' " + why);
  }

  const std::uint8_t* array(const std::uint8_t* at) {
    const auto* end = at + load<std::int32_t>(at);
    out_ += '[';
    elements(at, [](std::string_view) {});
    out_ += ']';
    return end;
  }

  // The value; where the next element begins.
  const std::uint8_t* value(bson_type_t type, const std::uint8_t* at) {
    switch (type) {
      case BSON_TYPE_DOUBLE:
        number(load<double>(at));
        return at + 8;
      case BSON_TYPE_UTF8: {
        const auto size = load<std::int32_t>(at);
        string({reinterpret_cast<const char*>(at + 4), static_cast<std::size_t>(size - 1)});
        return at + 4 + size;
      }
      case BSON_TYPE_DOCUMENT:
        document(at);
        return at + load<std::int32_t>(at);
      case BSON_TYPE_ARRAY:
        return array(at);
      case BSON_TYPE_BINARY:
        return binary(at);
      case BSON_TYPE_OID:
        out_ += "{\"$oid\": \"";
        for (int i = 0; i < 12; ++i) {
          out_ += kHex[at[i] >> 4];
          out_ += kHex[at[i] & 15];
        }
        out_ += "\"}";
        return at + 12;
      case BSON_TYPE_BOOL:
        out_ += *at ? "true" : "false";
        return at + 1;
      case BSON_TYPE_DATE_TIME:
        date(load<std::int64_t>(at));
        return at + 8;
      case BSON_TYPE_NULL:
        out_ += "null";
        return at;
      case BSON_TYPE_INT32:
        integer(load<std::int32_t>(at), "$numberInt");
        return at + 4;
      case BSON_TYPE_INT64:
        integer(load<std::int64_t>(at), "$numberLong");
        return at + 8;
      default:
        return rare(type, at);
    }
  }

  void integer(std::int64_t n, const char* key) {
    char digits[24];
    const auto* end = std::to_chars(digits, digits + sizeof digits, n).ptr;
    const std::string_view text(digits, static_cast<std::size_t>(end - digits));
    if (canonical_) {
      out_.append("{\"").append(key).append("\": \"").append(text).append("\"}");
    } else {
      out_ += text;
    }
  }

  void number(double value) {
    if (std::isnan(value) || std::isinf(value)) {
      out_ += "{\"$numberDouble\": \"";
      out_ += std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
      out_ += "\"}";
      return;
    }
    if (canonical_) out_ += "{\"$numberDouble\": \"";
    char text[40];
    const auto end = fmt::format_to_n(text, sizeof text, "{}", value);
    const std::string_view written(text, end.size);
    out_ += written;
    if (written.find_first_of(".e") == std::string_view::npos) out_ += ".0";
    if (canonical_) out_ += "\"}";
  }

  void date(std::int64_t ms) {
    if (canonical_ || ms < 0 || ms > kEndOfYear9999) {
      out_ += fmt::format("{{\"$date\": {{\"$numberLong\": \"{}\"}}}}", ms);
      return;
    }
    const std::chrono::sys_days day{std::chrono::days(ms / 86400000)};
    const std::chrono::year_month_day date{day};
    const auto rest = ms % 86400000;
    fmt::format_to(std::back_inserter(out_), "{{\"$date\": \"{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
                   static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                   static_cast<unsigned>(date.day()), rest / 3600000, rest / 60000 % 60, rest / 1000 % 60);
    if (rest % 1000 != 0) fmt::format_to(std::back_inserter(out_), ".{:03}", rest % 1000);
    out_ += "Z\"}";
  }

  const std::uint8_t* binary(const std::uint8_t* at) {
    const auto size = static_cast<std::size_t>(load<std::int32_t>(at));
    const auto subtype = at[4];
    std::string_view bytes(reinterpret_cast<const char*>(at + 5), size);
    constexpr std::uint8_t kOldBinary = 2;
    if (subtype == kOldBinary && size >= 4) bytes.remove_prefix(4);
    out_ += "{\"$binary\": {\"base64\": \"";
    encode_base64(bytes, out_);
    out_ += "\", \"subType\": \"";
    out_ += kHex[subtype >> 4];
    out_ += kHex[subtype & 15];
    out_ += "\"}}";
    return at + 5 + size;
  }

  // Types that FiftyOne does not write: libbson knows them.
  const std::uint8_t* rare(bson_type_t type, const std::uint8_t* at) {
    const std::uint8_t* end = at + rare_size(type, at);
    std::string bytes(4, '\0');
    bytes += static_cast<char>(type);
    bytes.append("v", 2);
    bytes.append(reinterpret_cast<const char*>(at), reinterpret_cast<const char*>(end));
    bytes += '\0';
    const auto size = static_cast<std::int32_t>(bytes.size());
    std::memcpy(bytes.data(), &size, sizeof size);
    const auto json = bson::to_relaxed_json(
        bson::Document::decode(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
    // { "v" : VALUE }
    const auto begin = json.find(':') + 2;
    out_.append(json, begin, json.rfind('}') - begin);
    while (out_.back() == ' ') out_.pop_back();
    return end;
  }

  std::size_t rare_size(bson_type_t type, const std::uint8_t* at) const {
    const auto text = [](const std::uint8_t* from) { return std::strlen(reinterpret_cast<const char*>(from)) + 1; };
    switch (type) {
      case BSON_TYPE_REGEX: {
        const auto pattern = text(at);
        return pattern + text(at + pattern);
      }
      case BSON_TYPE_DBPOINTER:
        return 4 + static_cast<std::size_t>(load<std::int32_t>(at)) + 12;
      case BSON_TYPE_CODE:
      case BSON_TYPE_SYMBOL:
        return 4 + static_cast<std::size_t>(load<std::int32_t>(at));
      case BSON_TYPE_CODEWSCOPE:
        return static_cast<std::size_t>(load<std::int32_t>(at));
      case BSON_TYPE_TIMESTAMP:
        return 8;
      case BSON_TYPE_DECIMAL128:
        return 16;
      case BSON_TYPE_MINKEY:
      case BSON_TYPE_MAXKEY:
      case BSON_TYPE_UNDEFINED:
        return 0;
      default:
        refuse("has a type that BSON does not know");
    }
  }

  void string(std::string_view text) {
    out_ += '"';
    std::size_t start = 0;
    for (std::size_t i = 0; i < text.size();) {
      const auto c = static_cast<std::uint8_t>(text[i]);
      if (c >= ' ' && c <= '~' && c != '"' && c != '\\') {
        ++i;
        continue;
      }
      out_.append(text, start, i - start);
      i += escape(text, i);
      start = i;
    }
    out_.append(text, start, text.size() - start);
    out_ += '"';
  }

  void unit(unsigned code) {
    const char six[6] = {'\\', 'u', kHex[code >> 12], kHex[code >> 8 & 15], kHex[code >> 4 & 15], kHex[code & 15]};
    out_.append(six, sizeof six);
  }

  // Writes the character at `i`; how many bytes it takes.
  std::size_t escape(std::string_view text, std::size_t i) {
    const auto c = static_cast<std::uint8_t>(text[i]);
    switch (c) {
      case '"':
        out_ += "\\\"";
        return 1;
      case '\\':
        out_ += "\\\\";
        return 1;
      case '\n':
        out_ += "\\n";
        return 1;
      case '\r':
        out_ += "\\r";
        return 1;
      case '\t':
        out_ += "\\t";
        return 1;
      case '\b':
        out_ += "\\b";
        return 1;
      case '\f':
        out_ += "\\f";
        return 1;
      default:
        break;
    }
    if (c < 0x80) {
      unit(c);
      return 1;
    }
    const auto follow = [&](std::size_t n) -> unsigned {
      const auto byte = i + n < text.size() ? static_cast<std::uint8_t>(text[i + n]) : std::uint8_t{0};
      if ((byte & 0xC0) != 0x80) refuse("holds text that is not UTF-8");
      return byte & 0x3FU;
    };
    if (c >= 0xC2 && c < 0xE0) {
      unit((c & 0x1FU) << 6 | follow(1));
      return 2;
    }
    if (c >= 0xE0 && c < 0xF0) {
      const auto code = (c & 0x0FU) << 12 | follow(1) << 6 | follow(2);
      if (code < 0x800 || (code >= 0xD800 && code < 0xE000)) refuse("holds text that is not UTF-8");
      unit(code);
      return 3;
    }
    if (c >= 0xF0 && c < 0xF5) {
      const auto code = (c & 0x07U) << 18 | follow(1) << 12 | follow(2) << 6 | follow(3);
      if (code < 0x10000 || code > 0x10FFFF) refuse("holds text that is not UTF-8");
      unit(0xD800 + ((code - 0x10000) >> 10));
      unit(0xDC00 + ((code - 0x10000) & 0x3FF));
      return 4;
    }
    refuse("holds text that is not UTF-8");
  }

  bool canonical_;
  std::string& out_;
  std::vector<std::string_view> path_;
};

}  // namespace

void write_json(bson::View document, JsonStyle style, std::string& out) {
  Writer(style, out).document(document.data());
}

std::string to_json(const bson::Document& document, JsonStyle style) {
  std::string out;
  const auto bytes = bson::encode(document);
  write_json(bson::View(bytes), style, out);
  return out;
}

}  // namespace fm::archive
