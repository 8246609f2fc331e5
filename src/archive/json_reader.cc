#include "archive/json_reader.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <vector>

#include "archive/extended_json.h"
#include "archive/scan.h"
#include "archive/text_batch.h"
#include "base/error.h"
#include "base/text.h"

namespace fm::archive {

namespace {

namespace ondemand = simdjson::ondemand;

static_assert(kTextPadding >= simdjson::SIMDJSON_PADDING);

// The last of equal keys stays, in the place of the first.
bson::Document without_repeated_keys(const bson::Document& document);

bson::Value without_repeated_keys(const bson::Value& value) {
  if (const auto* inner = value.as<bson::Document>()) return without_repeated_keys(*inner);
  if (const auto* list = value.as<bson::Array>()) {
    bson::Array out;
    for (const auto& item : *list) out.append(without_repeated_keys(item));
    return out;
  }
  return value;
}

bson::Document without_repeated_keys(const bson::Document& document) {
  bson::Document out;
  for (const auto& [key, value] : document) out.set(key, without_repeated_keys(value));
  return out;
}

// Where text breaks that the parser takes no part of: what is no UTF-8, a control
// character within a string, or a string that is not closed.
std::size_t broken_at(std::string_view text, simdjson::error_code error) {
  if (error == simdjson::UTF8_ERROR) {
    const auto clean = clean_utf8(text);
    return static_cast<std::size_t>(std::mismatch(text.begin(), text.end(), clean.begin(), clean.end()).first -
                                    text.begin());
  }
  bool inside = false;
  std::size_t opened = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!inside) {
      inside = text[i] == '"';
      opened = i;
    } else if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      inside = false;
    } else if (static_cast<unsigned char>(text[i]) < ' ') {
      return i;
    }
  }
  return inside ? opened : 0;
}

bool ends_within(std::string_view text) {
  DocumentScan scan;
  const auto start = skip_space(text, 0);
  if (start == text.size() || text[start] != '{') return false;
  scan.run(text, start);
  return !scan.done();
}

}  // namespace

class JsonReader::Writer {
 public:
  void append(std::string_view text, std::string& out) {
    const auto start = out.size();
    out_ = &out;
    begin_ = text.data();
    end_ = text.data() + text.size();
    where_ = 0;
    repeated_ = false;
    keys_.clear();
    try {
      auto result = parser_.iterate(text.data(), text.size(), text.size() + kTextPadding);
      if (result.error()) {
        fail(simdjson::error_message(result.error()), begin_ + broken_at(text, result.error()));
      }
      auto document = std::move(result).value_unsafe();
      ondemand::object object;
      if (document.get_object().get(object)) {
        const bool open = ends_within(text);
        fail(open ? "the text ends within the object" : "no JSON object", open ? end_ : begin_);
      }
      write_object(object, 0);
      if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) fail("something follows the object", end_);
    } catch (const simdjson::simdjson_error& error) {
      out.resize(start);
      if (ends_within(text)) throw JsonError("the text ends within the object", text.size());
      throw JsonError(simdjson::error_message(error.error()), where_);
    } catch (...) {
      out.resize(start);
      throw;
    }
    if (repeated_) {
      const auto whole =
          bson::Document::decode(reinterpret_cast<const std::uint8_t*>(out.data()) + start, out.size() - start);
      const auto clean = bson::encode(without_repeated_keys(whole));
      out.resize(start);
      out.append(reinterpret_cast<const char*>(clean.data()), clean.size());
    }
  }

 private:
  struct Key {
    std::size_t begin;  // in *out_
    std::size_t size;
  };

  [[noreturn]] void fail(const std::string& what, const char* at) const {
    throw JsonError(what, static_cast<std::size_t>(std::clamp(at, begin_, end_) - begin_));
  }

  template <class T>
  void put(T value) {
    out_->append(reinterpret_cast<const char*>(&value), sizeof value);
  }

  std::size_t open() {
    const auto start = out_->size();
    put(std::int32_t{0});
    return start;
  }
  void close(std::size_t start) {
    *out_ += '\0';
    const auto size = out_->size() - start;
    if (size > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) fail("more than 2 GiB", end_);
    const auto size32 = static_cast<std::int32_t>(size);
    std::memcpy(out_->data() + start, &size32, sizeof size32);
  }

  void write_object(ondemand::object object, int depth) {
    if (depth >= bson::kMaxDepth)
      fail("nested more than " + std::to_string(bson::kMaxDepth) + " levels deep", begin_ + where_);
    const auto start = open();
    const auto first_key = keys_.size();
    for (auto result : object) {
      if (result.error()) throw simdjson::simdjson_error(result.error());
      ondemand::field field = std::move(result).value_unsafe();
      const std::string_view key = field.unescaped_key();
      if (key.find('\0') != std::string_view::npos) fail("a key holds a NUL character", begin_ + where_);
      if (!key.empty() && key[0] == '$' && is_extended_key(key) && key != "$type" && key != "$regex") {
        fail(
            "the key \"" + std::string(key) + "\" beside others stands for no type: a key of data may not be called so",
            begin_ + where_);
      }
      const auto type = out_->size();
      *out_ += '\0';
      keys_.push_back({out_->size(), key.size()});
      out_->append(key);
      *out_ += '\0';
      write_value(field.value(), type, depth);
    }
    look_for_repeated(first_key);
    keys_.resize(first_key);
    close(start);
  }

  std::string_view text_of(const Key& key) const { return std::string_view(*out_).substr(key.begin, key.size); }

  void look_for_repeated(std::size_t first) {
    constexpr std::size_t kFew = 16;
    const auto count = keys_.size() - first;
    if (count <= kFew) {
      for (std::size_t i = first; i < keys_.size(); ++i) {
        for (std::size_t j = first; j < i; ++j) {
          if (keys_[i].size == keys_[j].size && text_of(keys_[i]) == text_of(keys_[j])) repeated_ = true;
        }
      }
      return;
    }
    const auto begin = keys_.begin() + static_cast<std::ptrdiff_t>(first);
    std::sort(begin, keys_.end(), [&](const Key& a, const Key& b) { return text_of(a) < text_of(b); });
    if (std::adjacent_find(begin, keys_.end(), [&](const Key& a, const Key& b) { return text_of(a) == text_of(b); }) !=
        keys_.end()) {
      repeated_ = true;
    }
  }

  void write_array(ondemand::array array, int depth) {
    if (depth >= bson::kMaxDepth)
      fail("nested more than " + std::to_string(bson::kMaxDepth) + " levels deep", begin_ + where_);
    const auto start = open();
    std::size_t index = 0;
    char digits[24];
    for (auto item : array) {
      const auto type = out_->size();
      *out_ += '\0';
      const auto end = std::to_chars(digits, digits + sizeof digits, index++).ptr;
      *end = '\0';
      out_->append(digits, static_cast<std::size_t>(end - digits) + 1);
      write_value(item.value(), type, depth);
    }
    close(start);
  }

  void write_value(ondemand::value value, std::size_t type_at, int depth) {
    std::string_view token = value.raw_json_token();
    const char* at = token.data();
    where_ = static_cast<std::size_t>(std::clamp(at, begin_, end_) - begin_);
    const auto type = [&](bson_type_t t) { (*out_)[type_at] = static_cast<char>(t); };
    switch (*at) {
      case '"': {
        const std::string_view text = value.get_string();
        type(BSON_TYPE_UTF8);
        put(static_cast<std::int32_t>(text.size() + 1));
        out_->append(text);
        *out_ += '\0';
        return;
      }
      case '{':
        if (write_extended(at, type_at)) return;
        type(BSON_TYPE_DOCUMENT);
        return write_object(value.get_object(), depth + 1);
      case '[':
        type(BSON_TYPE_ARRAY);
        return write_array(value.get_array(), depth + 1);
      case 't':
      case 'f':
        type(BSON_TYPE_BOOL);
        *out_ += static_cast<bool>(value.get_bool()) ? '\1' : '\0';
        return;
      default:
        break;
    }
    token = token.substr(0, token.find_last_not_of(" \n\r\t") + 1);
    if (token == "null") {
      type(BSON_TYPE_NULL);
    } else if (token == "NaN") {
      type(BSON_TYPE_DOUBLE);
      put(std::numeric_limits<double>::quiet_NaN());
    } else if (token == "Infinity" || token == "-Infinity") {
      type(BSON_TYPE_DOUBLE);
      const auto infinity = std::numeric_limits<double>::infinity();
      put(token[0] == '-' ? -infinity : infinity);
    } else {
      write_number(value, token, type_at);
    }
  }

  void write_number(ondemand::value value, std::string_view token, std::size_t type_at) {
    ondemand::number number;
    const bool integral = token.find_first_of(".eE") == std::string_view::npos;
    if (value.get_number().get(number)) {
      const bool digits = !token.empty() && token.find_first_not_of("-0123456789") == std::string_view::npos;
      const auto shown = std::string(token.substr(0, 40));
      fail(digits && token.size() > 18 ? "the integer " + shown + " needs more than 64 bits"
                                       : "no value, or a number that no double holds: " + shown,
           token.data());
    }
    const auto type = [&](bson_type_t t) { (*out_)[type_at] = static_cast<char>(t); };
    if (!integral) {
      type(BSON_TYPE_DOUBLE);
      put(number.get_double());
      return;
    }
    if (number.is_uint64()) fail("the integer " + std::string(token) + " needs more than 64 bits", token.data());
    const std::int64_t n = number.get_int64();
    if (n >= std::numeric_limits<std::int32_t>::min() && n <= std::numeric_limits<std::int32_t>::max()) {
      type(BSON_TYPE_INT32);
      put(static_cast<std::int32_t>(n));
    } else {
      type(BSON_TYPE_INT64);
      put(n);
    }
  }

  // An object that stands for a value of another type; the parser then skips it.
  bool write_extended(const char* at, std::size_t type_at) {
    const char* key = at + 1;
    while (key < end_ && (*key == ' ' || *key == '\n' || *key == '\t' || *key == '\r')) ++key;
    if (end_ - key < 3 || key[0] != '"' || key[1] != '$') return false;
    const auto* quote = static_cast<const char*>(std::memchr(key + 1, '"', static_cast<std::size_t>(end_ - key - 1)));
    if (!quote || !is_extended_key({key + 1, static_cast<std::size_t>(quote - key - 1)})) return false;
    try {
      const auto type = read_extended(at, end_, *out_);
      if (!type) return false;
      (*out_)[type_at] = static_cast<char>(*type);
      return true;
    } catch (const std::string& what) {
      fail(what, at);
    }
  }

  ondemand::parser parser_;
  std::string* out_ = nullptr;
  const char* begin_ = nullptr;
  const char* end_ = nullptr;
  std::size_t where_ = 0;  // of the last value begun
  std::vector<Key> keys_;  // of the objects that are open
  bool repeated_ = false;
};

JsonReader::JsonReader() : writer_(std::make_unique<Writer>()) {}
JsonReader::~JsonReader() = default;

void JsonReader::append(std::string_view text, std::string& out) { writer_->append(text, out); }

bson::Document parse_document(const std::string& text, const std::string& file) {
  const auto padded = text + std::string(kTextPadding, ' ');
  std::string out;
  try {
    JsonReader().append(std::string_view(padded).substr(0, text.size()), out);
  } catch (const JsonError& error) {
    throw Error(Exit::kMismatch,
                file + " is not what it should be, at byte " + std::to_string(error.offset()) + ": " + error.what(),
                "The archive is damaged or incomplete: export it again.");
  }
  return bson::Document::decode(reinterpret_cast<const std::uint8_t*>(out.data()), out.size());
}

}  // namespace fm::archive
