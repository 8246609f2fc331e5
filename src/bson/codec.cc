#include "bson/codec.h"

#include <fmt/format.h>

#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "base/error.h"

namespace fm::bson {
namespace {

// The smallest document: its length and the final NUL.
constexpr std::size_t kFrame = 5;

std::int32_t load_i32(const std::uint8_t* p) {
  std::uint32_t v;
  std::memcpy(&v, p, sizeof v);
  return static_cast<std::int32_t>(BSON_UINT32_FROM_LE(v));
}

std::uint64_t load_u64(const std::uint8_t* p) {
  std::uint64_t v;
  std::memcpy(&v, p, sizeof v);
  return BSON_UINT64_FROM_LE(v);
}

[[noreturn]] void fail_depth() {
  throw Error(Exit::kFailed, fmt::format("BSON document nests deeper than {} levels", kMaxDepth));
}

// "0", "1", "2", ... without formatting each number anew.
class IndexKey {
 public:
  std::string_view text() const { return {first_, static_cast<std::size_t>(digits_ + sizeof digits_ - first_)}; }

  void next() {
    char* p = digits_ + sizeof digits_ - 1;
    while (*p == '9') {
      *p-- = '0';
    }
    ++*p;
    if (p < first_) {
      first_ = p;
    }
  }

  static std::size_t length(std::size_t index) {
    std::size_t n = 1;
    while (index >= 10) {
      index /= 10;
      ++n;
    }
    return n;
  }

 private:
  char digits_[20] = {'0', '0', '0', '0', '0', '0', '0', '0', '0', '0',
                      '0', '0', '0', '0', '0', '0', '0', '0', '0', '0'};
  char* first_ = digits_ + sizeof digits_ - 1;
};

}  // namespace

class Codec::Reader {
 public:
  // Offsets in error messages count from `origin`.
  explicit Reader(const std::uint8_t* origin) : origin_(origin) {}

  // Checks length and last byte; returns the end of the elements.
  const std::uint8_t* frame(const std::uint8_t* p, const std::uint8_t* end) const {
    if (static_cast<std::size_t>(end - p) < kFrame || load_i32(p) != end - p) {
      fail(p, "a length is wrong");
    }
    if (end[-1] != 0) {
      fail(end - 1, "a document does not end in NUL");
    }
    return end - 1;
  }

  // Reads type and key, leaves `p` at the value; returns the end of the value.
  const std::uint8_t* element(const std::uint8_t*& p, const std::uint8_t* end, bson_type_t& type,
                              std::string_view& key) const {
    type = static_cast<bson_type_t>(*p++);
    const char* text = reinterpret_cast<const char*>(p);
    p = after_nul(p, end);
    key = {text, static_cast<std::size_t>(reinterpret_cast<const char*>(p) - text - 1)};
    return value_end(type, p, end);
  }

  void document(Document& out, const std::uint8_t* p, const std::uint8_t* end, int depth) const {
    end = frame(p, end);
    p += 4;
    out.elements_.reserve(count(p, end, depth));
    while (p < end) {
      bson_type_t type;
      std::string_view key;
      const std::uint8_t* next = element(p, end, type, key);
      Element& e = out.elements_.emplace_back();
      e.key.assign(key);
      value(e.value, type, p, next, depth);
      p = next;
    }
  }

  void value(Value& out, bson_type_t type, const std::uint8_t* p, const std::uint8_t* end, int depth) const {
    Value::Storage& v = out.v_;
    switch (type) {
      case BSON_TYPE_NULL:
        v.emplace<Null>();
        return;
      case BSON_TYPE_BOOL:
        v.emplace<bool>(*p != 0);
        return;
      case BSON_TYPE_INT32:
        v.emplace<std::int32_t>(load_i32(p));
        return;
      case BSON_TYPE_INT64:
        v.emplace<std::int64_t>(static_cast<std::int64_t>(load_u64(p)));
        return;
      case BSON_TYPE_DOUBLE: {
        std::uint64_t bits = load_u64(p);
        std::memcpy(&v.emplace<double>(), &bits, sizeof bits);
        return;
      }
      case BSON_TYPE_UTF8:
        v.emplace<std::string>(reinterpret_cast<const char*>(p + 4), end - p - 5U);
        return;
      case BSON_TYPE_OID:
        std::memcpy(v.emplace<Oid>().bytes, p, sizeof Oid::bytes);
        return;
      case BSON_TYPE_DATE_TIME:
        v.emplace<Date>().ms = static_cast<std::int64_t>(load_u64(p));
        return;
      case BSON_TYPE_DOCUMENT:
        document(v.emplace<Document>(), p, end, depth + 1);
        return;
      case BSON_TYPE_ARRAY:
        array(v.emplace<Array>(), p, end, depth + 1);
        return;
      case BSON_TYPE_BINARY: {
        Binary& b = v.emplace<Binary>();
        b.subtype = p[4];
        p += b.subtype == BSON_SUBTYPE_BINARY_DEPRECATED ? 9 : 5;
        b.data.assign(reinterpret_cast<const char*>(p), static_cast<std::size_t>(end - p));
        return;
      }
      default:
        v.emplace<Raw>(rare(type, p, end, depth));
    }
  }

 private:
  [[noreturn]] void fail(const std::uint8_t* p, const char* what) const {
    throw Error(Exit::kFailed, fmt::format("BSON document is malformed at byte {}: {}", p - origin_, what));
  }

  const std::uint8_t* after_nul(const std::uint8_t* p, const std::uint8_t* end) const {
    const void* nul = p < end ? std::memchr(p, 0, static_cast<std::size_t>(end - p)) : nullptr;
    if (nul == nullptr) {
      fail(p, "a key or pattern does not end");
    }
    return static_cast<const std::uint8_t*>(nul) + 1;
  }

  const std::uint8_t* fixed(const std::uint8_t* p, const std::uint8_t* end, std::ptrdiff_t n) const {
    if (end - p < n) {
      fail(p, "a value is cut off");
    }
    return p + n;
  }

  // A length followed by that many bytes, `before` of them not counted in it
  // and `least` the smallest it can say.
  const std::uint8_t* sized(const std::uint8_t* p, const std::uint8_t* end, std::ptrdiff_t before,
                            std::int32_t least) const {
    fixed(p, end, 4);
    std::int32_t n = load_i32(p);
    if (n < least) {
      fail(p, "a length is too small");
    }
    return fixed(p, end, before + n);
  }

  const std::uint8_t* string_end(const std::uint8_t* p, const std::uint8_t* end) const {
    const std::uint8_t* after = sized(p, end, 4, 1);
    if (after[-1] != 0) {
      fail(after - 1, "a string does not end in NUL");
    }
    return after;
  }

  // Everything between `p` and the returned end is safe to read; what is inside
  // nested documents is not yet checked.
  const std::uint8_t* value_end(bson_type_t type, const std::uint8_t* p, const std::uint8_t* end) const {
    switch (type) {
      case BSON_TYPE_DOUBLE:
      case BSON_TYPE_DATE_TIME:
      case BSON_TYPE_INT64:
      case BSON_TYPE_TIMESTAMP:
        return fixed(p, end, 8);
      case BSON_TYPE_INT32:
        return fixed(p, end, 4);
      case BSON_TYPE_UTF8:
      case BSON_TYPE_CODE:
      case BSON_TYPE_SYMBOL:
        return string_end(p, end);
      case BSON_TYPE_DOCUMENT:
      case BSON_TYPE_ARRAY:
        return sized(p, end, 0, kFrame);
      case BSON_TYPE_NULL:
      case BSON_TYPE_UNDEFINED:
      case BSON_TYPE_MINKEY:
      case BSON_TYPE_MAXKEY:
        return p;
      case BSON_TYPE_BOOL:
        fixed(p, end, 1);
        if (*p > 1) {
          fail(p, "a bool is neither 0 nor 1");
        }
        return p + 1;
      case BSON_TYPE_OID:
        return fixed(p, end, 12);
      case BSON_TYPE_BINARY: {
        const std::uint8_t* after = sized(p, end, 5, 0);
        if (p[4] == BSON_SUBTYPE_BINARY_DEPRECATED && sized(p + 5, after, 4, 0) != after) {
          fail(p + 5, "the inner length of old binary data is wrong");
        }
        return after;
      }
      case BSON_TYPE_REGEX:
        return after_nul(after_nul(p, end), end);
      case BSON_TYPE_DBPOINTER:
        return fixed(string_end(p, end), end, 12);
      case BSON_TYPE_CODEWSCOPE: {
        const std::uint8_t* after = sized(p, end, 0, 14);
        if (const std::uint8_t* scope = string_end(p + 4, after); sized(scope, after, 0, kFrame) != after) {
          fail(scope, "the length of a scope is wrong");
        }
        return after;
      }
      case BSON_TYPE_DECIMAL128:
        return fixed(p, end, 16);
      case BSON_TYPE_EOD:
        break;
    }
    fail(p, "a type is unknown");
  }

  std::size_t count(const std::uint8_t* p, const std::uint8_t* end, int depth) const {
    if (depth > kMaxDepth) {
      fail_depth();
    }
    std::size_t n = 0;
    for (; p < end; ++n) {
      bson_type_t type;
      std::string_view key;
      p = element(p, end, type, key);
    }
    return n;
  }

  void array(Array& out, const std::uint8_t* p, const std::uint8_t* end, int depth) const {
    end = frame(p, end);
    p += 4;
    std::size_t n = count(p, end, depth);
    out.items_.reserve(n);
    IndexKey expected;
    while (p < end) {
      bson_type_t type;
      std::string_view key;
      const std::uint8_t* next = element(p, end, type, key);
      if (!out.keys_.empty()) {
        out.keys_.emplace_back(key);
      } else if (key != expected.text()) {
        out.keys_.reserve(n);
        for (std::size_t i = 0; i < out.items_.size(); ++i) {
          out.keys_.push_back(std::to_string(i));
        }
        out.keys_.emplace_back(key);
      }
      expected.next();
      value(out.items_.emplace_back(), type, p, next, depth);
      p = next;
    }
  }

  // Borrows from the bytes; Raw copies.
  Raw rare(bson_type_t type, const std::uint8_t* p, const std::uint8_t* end, int depth) const {
    auto* bytes = const_cast<std::uint8_t*>(p);
    bson_value_t v = {};
    v.value_type = type;
    switch (type) {
      case BSON_TYPE_TIMESTAMP: {
        std::uint64_t t = load_u64(p);
        v.value.v_timestamp.timestamp = static_cast<std::uint32_t>(t >> 32);
        v.value.v_timestamp.increment = static_cast<std::uint32_t>(t);
        break;
      }
      case BSON_TYPE_CODE:
        v.value.v_code.code = reinterpret_cast<char*>(bytes + 4);
        v.value.v_code.code_len = static_cast<std::uint32_t>(end - p - 5);
        break;
      case BSON_TYPE_SYMBOL:
        v.value.v_symbol.symbol = reinterpret_cast<char*>(bytes + 4);
        v.value.v_symbol.len = static_cast<std::uint32_t>(end - p - 5);
        break;
      case BSON_TYPE_REGEX:
        v.value.v_regex.regex = reinterpret_cast<char*>(bytes);
        v.value.v_regex.options = reinterpret_cast<char*>(bytes + (after_nul(p, end) - p));
        break;
      case BSON_TYPE_DBPOINTER:
        v.value.v_dbpointer.collection = reinterpret_cast<char*>(bytes + 4);
        v.value.v_dbpointer.collection_len = static_cast<std::uint32_t>(load_i32(p) - 1);
        std::memcpy(v.value.v_dbpointer.oid.bytes, end - 12, 12);
        break;
      case BSON_TYPE_CODEWSCOPE: {
        auto code_len = static_cast<std::uint32_t>(load_i32(p + 4));
        std::uint8_t* scope = bytes + 8 + code_len;
        Document checked;
        document(checked, scope, end, depth + 1);
        v.value.v_codewscope.code = reinterpret_cast<char*>(bytes + 8);
        v.value.v_codewscope.code_len = code_len - 1;
        v.value.v_codewscope.scope_data = scope;
        v.value.v_codewscope.scope_len = static_cast<std::uint32_t>(end - scope);
        break;
      }
      case BSON_TYPE_DECIMAL128:
        v.value.v_decimal128.low = load_u64(p);
        v.value.v_decimal128.high = load_u64(p + 8);
        break;
      default:
        break;
    }
    return Raw(v);
  }

  const std::uint8_t* origin_;
};

class Codec::Writer {
 public:
  explicit Writer(std::uint8_t* out) : p_(out) {}

  static std::size_t size(const Document& doc, int depth) {
    check_depth(depth);
    std::size_t n = kFrame;
    for (const Element& e : doc.elements_) {
      n += 1 + key_size(e.key) + size(e.value, depth);
    }
    return n;
  }

  void document(const Document& doc) {
    std::uint8_t* start = open();
    elements(doc);
    close(start);
  }

  void elements(const Document& doc) {
    for (const Element& e : doc.elements_) {
      element(e.key, e.value);
    }
  }

 private:
  template <class... F>
  struct Match : F... {
    using F::operator()...;
  };
  template <class... F>
  Match(F...) -> Match<F...>;

  static void check_depth(int depth) {
    if (depth > kMaxDepth) {
      fail_depth();
    }
  }

  static std::size_t key_size(const std::string& key) {
    if (key.find('\0') != std::string::npos) {
      throw Error(Exit::kFailed, fmt::format("key '{}' of a BSON document contains a NUL character", key.c_str()));
    }
    return key.size() + 1;
  }

  static std::size_t size(const Array& array, int depth) {
    check_depth(depth);
    std::size_t n = kFrame + 2 * array.items_.size();
    for (std::size_t i = 0; i < array.items_.size(); ++i) {
      n += size(array.items_[i], depth);
      n += array.keys_.empty() ? IndexKey::length(i) : key_size(array.keys_[i]) - 1;
    }
    return n;
  }

  static std::size_t size(const Raw& raw) {
    const auto& v = raw.get().value;
    switch (raw.get().value_type) {
      case BSON_TYPE_TIMESTAMP:
        return 8;
      case BSON_TYPE_CODE:
        return v.v_code.code_len + 5U;
      case BSON_TYPE_SYMBOL:
        return v.v_symbol.len + 5U;
      case BSON_TYPE_REGEX:
        return std::strlen(v.v_regex.regex) + std::strlen(v.v_regex.options) + 2;
      case BSON_TYPE_DBPOINTER:
        return v.v_dbpointer.collection_len + 17U;
      case BSON_TYPE_CODEWSCOPE:
        return v.v_codewscope.code_len + 9U + v.v_codewscope.scope_len;
      case BSON_TYPE_DECIMAL128:
        return 16;
      default:
        return 0;
    }
  }

  static std::size_t size(const Value& value, int depth) {
    return std::visit(Match{
                          [](Null) -> std::size_t { return 0; },
                          [](bool) -> std::size_t { return 1; },
                          [](std::int32_t) -> std::size_t { return 4; },
                          [](std::int64_t) -> std::size_t { return 8; },
                          [](double) -> std::size_t { return 8; },
                          [](Date) -> std::size_t { return 8; },
                          [](const Oid&) -> std::size_t { return 12; },
                          [](const std::string& s) -> std::size_t { return s.size() + 5; },
                          [](const Binary& b) -> std::size_t { return b.data.size() + binary_head(b); },
                          [&](const Document& d) -> std::size_t { return size(d, depth + 1); },
                          [&](const Array& a) -> std::size_t { return size(a, depth + 1); },
                          [](const Raw& r) -> std::size_t { return size(r); },
                      },
                      value.v_);
  }

  static std::size_t binary_head(const Binary& b) { return b.subtype == BSON_SUBTYPE_BINARY_DEPRECATED ? 9 : 5; }

  void bytes(const void* data, std::size_t n) {
    if (n != 0) {
      std::memcpy(p_, data, n);
      p_ += n;
    }
  }

  void u8(std::uint8_t v) { *p_++ = v; }

  void u32(std::size_t v) {
    std::uint32_t le = BSON_UINT32_TO_LE(static_cast<std::uint32_t>(v));
    bytes(&le, sizeof le);
  }

  void u64(std::uint64_t v) {
    std::uint64_t le = BSON_UINT64_TO_LE(v);
    bytes(&le, sizeof le);
  }

  void string(const char* data, std::size_t n) {
    u32(n + 1);
    bytes(data, n);
    u8(0);
  }

  std::uint8_t* open() {
    std::uint8_t* start = p_;
    p_ += 4;
    return start;
  }

  void close(std::uint8_t* start) {
    u8(0);
    std::uint32_t le = BSON_UINT32_TO_LE(static_cast<std::uint32_t>(p_ - start));
    std::memcpy(start, &le, sizeof le);
  }

  void element(std::string_view key, const Value& value) {
    std::uint8_t* type = p_++;
    bytes(key.data(), key.size());
    u8(0);
    *type = static_cast<std::uint8_t>(std::visit([this](const auto& v) { return put(v); }, value.v_));
  }

  bson_type_t put(Null) { return BSON_TYPE_NULL; }

  bson_type_t put(bool v) {
    u8(v ? 1 : 0);
    return BSON_TYPE_BOOL;
  }

  bson_type_t put(std::int32_t v) {
    u32(static_cast<std::uint32_t>(v));
    return BSON_TYPE_INT32;
  }

  bson_type_t put(std::int64_t v) {
    u64(static_cast<std::uint64_t>(v));
    return BSON_TYPE_INT64;
  }

  bson_type_t put(const double& v) {
    std::uint64_t bits;
    std::memcpy(&bits, &v, sizeof bits);
    u64(bits);
    return BSON_TYPE_DOUBLE;
  }

  bson_type_t put(const std::string& v) {
    string(v.data(), v.size());
    return BSON_TYPE_UTF8;
  }

  bson_type_t put(const Oid& v) {
    bytes(v.bytes, sizeof v.bytes);
    return BSON_TYPE_OID;
  }

  bson_type_t put(Date v) {
    u64(static_cast<std::uint64_t>(v.ms));
    return BSON_TYPE_DATE_TIME;
  }

  bson_type_t put(const Document& v) {
    document(v);
    return BSON_TYPE_DOCUMENT;
  }

  bson_type_t put(const Array& v) {
    std::uint8_t* start = open();
    IndexKey index;
    for (std::size_t i = 0; i < v.items_.size(); ++i) {
      element(v.keys_.empty() ? index.text() : std::string_view(v.keys_[i]), v.items_[i]);
      index.next();
    }
    close(start);
    return BSON_TYPE_ARRAY;
  }

  bson_type_t put(const Binary& v) {
    bool old = v.subtype == BSON_SUBTYPE_BINARY_DEPRECATED;
    u32(v.data.size() + (old ? 4 : 0));
    u8(v.subtype);
    if (old) {
      u32(v.data.size());
    }
    bytes(v.data.data(), v.data.size());
    return BSON_TYPE_BINARY;
  }

  bson_type_t put(const Raw& raw) {
    const auto& v = raw.get().value;
    switch (raw.get().value_type) {
      case BSON_TYPE_TIMESTAMP:
        u64(std::uint64_t{v.v_timestamp.timestamp} << 32 | v.v_timestamp.increment);
        break;
      case BSON_TYPE_CODE:
        string(v.v_code.code, v.v_code.code_len);
        break;
      case BSON_TYPE_SYMBOL:
        string(v.v_symbol.symbol, v.v_symbol.len);
        break;
      case BSON_TYPE_REGEX:
        bytes(v.v_regex.regex, std::strlen(v.v_regex.regex) + 1);
        bytes(v.v_regex.options, std::strlen(v.v_regex.options) + 1);
        break;
      case BSON_TYPE_DBPOINTER:
        string(v.v_dbpointer.collection, v.v_dbpointer.collection_len);
        bytes(v.v_dbpointer.oid.bytes, 12);
        break;
      case BSON_TYPE_CODEWSCOPE:
        u32(size(raw));
        string(v.v_codewscope.code, v.v_codewscope.code_len);
        bytes(v.v_codewscope.scope_data, v.v_codewscope.scope_len);
        break;
      case BSON_TYPE_DECIMAL128:
        u64(v.v_decimal128.low);
        u64(v.v_decimal128.high);
        break;
      default:
        break;
    }
    return raw.get().value_type;
  }

  std::uint8_t* p_;
};

Document Codec::decode(const std::uint8_t* data, std::size_t size) {
  Document doc;
  Reader(data).document(doc, data, data + size, 0);
  return doc;
}

Codec::Slot Codec::find(const std::uint8_t* data, std::size_t size, std::string_view key) {
  Reader reader(data);
  const std::uint8_t* p = data + 4;
  const std::uint8_t* end = reader.frame(data, data + size);
  while (p < end) {
    bson_type_t type;
    std::string_view name;
    const std::uint8_t* next = reader.element(p, end, type, name);
    if (name == key) {
      return {type, p, next};
    }
    p = next;
  }
  return {};
}

Value Codec::decode_value(const Slot& element) {
  Value value;
  Reader(element.data).value(value, element.type, element.data, element.end, 0);
  return value;
}

std::size_t Codec::size(const Document& doc) {
  std::size_t n = Writer::size(doc, 0);
  if (n > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    throw Error(Exit::kFailed, fmt::format("a document of {} bytes is too large for BSON", n));
  }
  return n;
}

void Codec::encode(const Document& doc, std::uint8_t* out) { Writer(out).document(doc); }

void Codec::encode_elements(const Document& doc, std::uint8_t* out) { Writer(out).elements(doc); }

}  // namespace fm::bson
