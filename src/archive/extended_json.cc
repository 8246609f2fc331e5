#include "archive/extended_json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstring>
#include <vector>

#include "archive/base64.h"
#include "archive/little_endian.h"
#include "archive/scan.h"
#include "base/error.h"
#include "bson/codec.h"
#include "bson/json.h"

namespace fm::archive {

namespace {

constexpr std::array<std::string_view, 17> kKeys = {"$oid",
                                                    "$date",
                                                    "$binary",
                                                    "$type",
                                                    "$numberDouble",
                                                    "$numberLong",
                                                    "$numberInt",
                                                    "$numberDecimal",
                                                    "$uuid",
                                                    "$regex",
                                                    "$regularExpression",
                                                    "$timestamp",
                                                    "$minKey",
                                                    "$maxKey",
                                                    "$undefined",
                                                    "$symbol",
                                                    "$code"};

struct Token {
  enum class Kind { kString, kNumber, kObject, kOther };
  Kind kind = Kind::kOther;
  std::string_view text;  // of a string: between its quotes, as written
};

struct Field {
  std::string_view key;
  Token value;
};

class Parser {
 public:
  Parser(const char* at, const char* end) : at_(at), end_(end) {}

  // The fields of the object; values that are objects or arrays as their text.
  std::vector<Field> object() {
    std::vector<Field> out;
    take('{');
    if (look() == '}') {
      ++at_;
      return out;
    }
    while (true) {
      Field field;
      field.key = string();
      take(':');
      field.value = value();
      out.push_back(field);
      const char c = look();
      ++at_;
      if (c == '}') return out;
      if (c != ',') throw std::string("an object is not closed");
    }
  }
  const char* at() const { return at_; }

 private:
  char look() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
    if (at_ == end_) throw std::string("the text ends within an object");
    return *at_;
  }
  void take(char c) {
    if (look() != c) throw std::string("'") + c + "' is missing";
    ++at_;
  }
  std::string_view string() {
    take('"');
    const char* begin = at_;
    while (at_ < end_ && *at_ != '"') at_ += *at_ == '\\' ? 2 : 1;
    if (at_ >= end_) throw std::string("the text ends within a string");
    return {begin, static_cast<std::size_t>(at_++ - begin)};
  }
  Token value() {
    const char c = look();
    if (c == '"') return {Token::Kind::kString, string()};
    if (c == '{' || c == '[') {
      DocumentScan scan;
      const std::string_view rest(at_, static_cast<std::size_t>(end_ - at_));
      const auto size = scan.run(rest, 0);
      if (!scan.done()) throw std::string("the text ends within an object");
      at_ += size;
      return {c == '{' ? Token::Kind::kObject : Token::Kind::kOther, rest.substr(0, size)};
    }
    const char* begin = at_;
    while (at_ < end_ && std::strchr(",}] \n\t\r", *at_) == nullptr) ++at_;
    const std::string_view text(begin, static_cast<std::size_t>(at_ - begin));
    const bool number = !text.empty() && (text[0] == '-' || (text[0] >= '0' && text[0] <= '9'));
    return {number ? Token::Kind::kNumber : Token::Kind::kOther, text};
  }

  const char* at_;
  const char* end_;
};

std::int64_t integer(std::string_view text, const char* what) {
  std::int64_t value = 0;
  const auto end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || at != end) throw std::string(what) + " holds no 64-bit integer";
  return value;
}

bson_type_t date(const Token& token, std::string& out) {
  std::int64_t ms = 0;
  if (token.kind == Token::Kind::kString) {
    const auto parsed = parse_date(token.text);
    if (!parsed) throw "$date holds no date: \"" + std::string(token.text.substr(0, 40)) + "\"";
    ms = *parsed;
  } else if (token.kind == Token::Kind::kNumber) {
    ms = integer(token.text, "$date");
  } else if (token.kind == Token::Kind::kObject) {
    const auto inner = Parser(token.text.data(), token.text.data() + token.text.size()).object();
    if (inner.size() != 1 || inner[0].key != "$numberLong" || inner[0].value.kind != Token::Kind::kString) {
      throw std::string("$date holds an unknown object");
    }
    ms = integer(inner[0].value.text, "$date");
  } else {
    throw std::string("$date holds neither text nor number");
  }
  put(out, ms);
  return BSON_TYPE_DATE_TIME;
}

bson_type_t binary(std::string_view base64, std::string_view subtype, std::string& out) {
  unsigned kind = 0;
  const auto [at, error] = std::from_chars(subtype.data(), subtype.data() + subtype.size(), kind, 16);
  if (subtype.empty() || error != std::errc() || at != subtype.data() + subtype.size() || kind > 0xFF) {
    throw std::string("$binary has no type of two hexadecimal digits");
  }
  const auto start = out.size();
  put(out, std::int32_t{0});
  out += static_cast<char>(kind);
  constexpr unsigned kOldBinary = 2;  // carries its length a second time
  if (kind == kOldBinary) put(out, std::int32_t{0});
  const auto head = out.size();
  if (!decode_base64(base64, out)) throw std::string("$binary is no base64");
  const auto size = static_cast<std::int32_t>(out.size() - head);
  const auto outer = kind == kOldBinary ? size + 4 : size;
  std::memcpy(out.data() + start, &outer, sizeof outer);
  if (kind == kOldBinary) std::memcpy(out.data() + start + 5, &size, sizeof size);
  return BSON_TYPE_BINARY;
}

bson_type_t binary(const std::vector<Field>& fields, std::string& out) {
  const Token* data = nullptr;
  const Token* type = nullptr;
  for (const auto& field : fields) {
    if (field.key == "$binary") data = &field.value;
    if (field.key == "$type") type = &field.value;
  }
  if (data->kind == Token::Kind::kString && type && type->kind == Token::Kind::kString && fields.size() == 2) {
    return binary(data->text, type->text, out);
  }
  if (data->kind == Token::Kind::kObject && fields.size() == 1) {
    const auto inner = Parser(data->text.data(), data->text.data() + data->text.size()).object();
    const Token* base64 = nullptr;
    for (const auto& field : inner) {
      if (field.key == "base64") base64 = &field.value;
      if (field.key == "subType") type = &field.value;
    }
    if (inner.size() == 2 && base64 && type && base64->kind == Token::Kind::kString &&
        type->kind == Token::Kind::kString) {
      return binary(base64->text, type->text, out);
    }
  }
  throw std::string("$binary has an unknown shape");
}

bson_type_t uuid(const Token& token, std::string& out) {
  std::string hex;
  for (const char c : token.text) {
    if (c != '-') hex += c;
  }
  const auto start = out.size();
  put(out, std::int32_t{16});
  out += '\x04';
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    unsigned byte = 0;
    const auto [at, error] = std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16);
    if (error != std::errc() || at != hex.data() + i + 2) break;
    out += static_cast<char>(byte);
  }
  if (hex.size() != 32 || out.size() - start != 4 + 1 + 16) throw std::string("$uuid holds no UUID");
  return BSON_TYPE_BINARY;
}

bson_type_t floating(const Token& token, std::string& out) {
  double value = 0;
  const auto text = token.text;
  if (text == "NaN") {
    value = std::numeric_limits<double>::quiet_NaN();
  } else if (text == "Infinity") {
    value = std::numeric_limits<double>::infinity();
  } else if (text == "-Infinity") {
    value = -std::numeric_limits<double>::infinity();
  } else {
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || at != text.data() + text.size()) {
      throw std::string("$numberDouble holds no number");
    }
  }
  put(out, value);
  return BSON_TYPE_DOUBLE;
}

// Types that FiftyOne does not write: libbson knows them.
bson_type_t rare(std::string_view object, std::string& out) {
  bson::Document document;
  try {
    document = bson::from_json("{\"v\":" + std::string(object) + "}");
  } catch (const Error& error) {
    throw std::string(error.what());
  }
  const auto bytes = bson::encode(document);
  const auto slot = bson::Codec::find(bytes.data(), bytes.size(), "v");
  out.append(reinterpret_cast<const char*>(slot.data), reinterpret_cast<const char*>(slot.end));
  return slot.type;
}

bson_type_t oid(std::string_view hex, std::string& out) {
  const auto oid = bson::Oid::from_hex(hex);
  if (!oid) throw "$oid holds no ObjectId: \"" + std::string(hex.substr(0, 40)) + "\"";
  out.append(reinterpret_cast<const char*>(oid->bytes), sizeof oid->bytes);
  return BSON_TYPE_OID;
}

// What nearly all such objects are, to the byte as PyMongo writes them; nothing
// for others, which are looked into.
std::optional<bson_type_t> usual(const char* at, const char* end, std::string& out) {
  constexpr std::size_t kHex = 24;
  constexpr std::string_view kOid = R"({"$oid": ")";
  constexpr std::string_view kBinary = R"({"$binary": {"base64": ")";
  constexpr std::string_view kSubtype = R"(", "subType": ")";
  const std::string_view text(at, static_cast<std::size_t>(end - at));
  if (text.starts_with(kOid)) {
    const auto rest = text.substr(kOid.size());
    if (rest.size() >= kHex + 2 && rest.substr(kHex, 2) == "\"}") return oid(rest.substr(0, kHex), out);
  }
  if (text.starts_with(kBinary)) {
    const auto rest = text.substr(kBinary.size());
    const auto quote = std::min(rest.find('"'), rest.size());
    const auto tail = rest.substr(quote);
    constexpr auto kTail = kSubtype.size();
    if (tail.starts_with(kSubtype) && tail.size() >= kTail + 5 && tail.substr(kTail + 2, 3) == "\"}}") {
      return binary(rest.substr(0, quote), tail.substr(kTail, 2), out);
    }
  }
  return std::nullopt;
}

}  // namespace

bool is_extended_key(std::string_view key) { return std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end(); }

std::optional<bson_type_t> read_extended(const char* at, const char* end, std::string& out) {
  if (const auto type = usual(at, end, out)) return type;
  Parser parser(at, end);
  const auto fields = parser.object();
  const auto& key = fields.front().key;
  const auto& value = fields.front().value;
  const auto alone = [&](Token::Kind kind) {
    if (fields.size() == 1 && value.kind == kind) return;
    throw "\"" + std::string(key) + "\" has an unknown shape: a key of data may not be called so";
  };
  if (key == "$oid") {
    alone(Token::Kind::kString);
    return oid(value.text, out);
  }
  if (key == "$date") {
    if (fields.size() != 1) alone(Token::Kind::kOther);
    return date(value, out);
  }
  if (key == "$numberInt" || key == "$numberLong") {
    alone(Token::Kind::kString);
    const bool narrow = key == "$numberInt";
    const auto number = integer(value.text, narrow ? "$numberInt" : "$numberLong");
    if (narrow && (number > INT32_MAX || number < INT32_MIN)) throw std::string("$numberInt is beyond 32 bits");
    if (narrow) {
      put(out, static_cast<std::int32_t>(number));
    } else {
      put(out, number);
    }
    return narrow ? BSON_TYPE_INT32 : BSON_TYPE_INT64;
  }
  if (key == "$numberDouble") {
    alone(Token::Kind::kString);
    return floating(value, out);
  }
  if (key == "$uuid") {
    alone(Token::Kind::kString);
    return uuid(value, out);
  }
  const bool has_binary =
      std::any_of(fields.begin(), fields.end(), [](const Field& field) { return field.key == "$binary"; });
  if (has_binary) return binary(fields, out);
  if (key == "$type") return std::nullopt;
  return rare({at, static_cast<std::size_t>(parser.at() - at)}, out);
}

std::optional<std::int64_t> parse_date(std::string_view text) {
  std::size_t at = 0;
  const auto digits = [&](std::size_t count) -> std::optional<int> {
    if (text.size() < at + count) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const char c = text[at + i];
      if (c < '0' || c > '9') return std::nullopt;
      value = 10 * value + (c - '0');
    }
    at += count;
    return value;
  };
  const auto is = [&](char c) { return at < text.size() && text[at] == c && ++at > 0; };
  const auto year = digits(4);
  if (!year || !is('-')) return std::nullopt;
  const auto month = digits(2);
  if (!month || !is('-')) return std::nullopt;
  const auto day = digits(2);
  if (!day || !(is('T') || is(' '))) return std::nullopt;
  const auto hour = digits(2);
  if (!hour || !is(':')) return std::nullopt;
  const auto minute = digits(2);
  if (!minute || !is(':')) return std::nullopt;
  const auto second = digits(2);
  if (!second || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  int ms = 0;
  if (is('.')) {
    int scale = 100;
    std::size_t count = 0;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, ++count) {
      ms += scale * (text[at] - '0');
      scale /= 10;
    }
    if (count == 0 || count > 9) return std::nullopt;
  }
  int zone = 0;  // minutes east
  if (!is('Z') && at < text.size()) {
    const bool west = text[at] == '-';
    if (!west && text[at] != '+') return std::nullopt;
    ++at;
    const auto hours = digits(2);
    if (!hours || *hours > 23) return std::nullopt;
    std::optional<int> minutes = 0;
    if (at < text.size()) {
      is(':');
      minutes = digits(2);
      if (!minutes || *minutes > 59) return std::nullopt;
    }
    zone = (west ? -1 : 1) * (60 * *hours + *minutes);
  }
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (at != text.size() || !date.ok() || *year == 0) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return (((days * 24 + *hour) * 60 + *minute - zone) * 60 + *second) * 1000 + ms;
}

}  // namespace fm::archive
