#include "bson/document.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "bson/codec.h"

namespace fm::bson {
namespace {

template <class... F>
struct Match : F... {
  using F::operator()...;
};
template <class... F>
Match(F...) -> Match<F...>;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  if (c >= 'A' && c <= 'F') {
    return c - 'A' + 10;
  }
  return -1;
}

bool same(const void* a, std::size_t a_len, const void* b, std::size_t b_len) {
  return a_len == b_len && (a_len == 0 || std::memcmp(a, b, a_len) == 0);
}

// Types that have an alternative of their own in Value::Storage.
bool is_common(bson_type_t type) {
  switch (type) {
    case BSON_TYPE_TIMESTAMP:
    case BSON_TYPE_CODE:
    case BSON_TYPE_SYMBOL:
    case BSON_TYPE_REGEX:
    case BSON_TYPE_DBPOINTER:
    case BSON_TYPE_CODEWSCOPE:
    case BSON_TYPE_DECIMAL128:
    case BSON_TYPE_UNDEFINED:
    case BSON_TYPE_MINKEY:
    case BSON_TYPE_MAXKEY:
      return false;
    default:
      return true;
  }
}

const char* raw_type_name(bson_type_t type) {
  switch (type) {
    case BSON_TYPE_TIMESTAMP:
      return "timestamp";
    case BSON_TYPE_CODE:
      return "javascript";
    case BSON_TYPE_SYMBOL:
      return "symbol";
    case BSON_TYPE_REGEX:
      return "regex";
    case BSON_TYPE_DBPOINTER:
      return "dbPointer";
    case BSON_TYPE_CODEWSCOPE:
      return "javascriptWithScope";
    case BSON_TYPE_DECIMAL128:
      return "decimal";
    case BSON_TYPE_UNDEFINED:
      return "undefined";
    case BSON_TYPE_MINKEY:
      return "minKey";
    default:
      return "maxKey";
  }
}

bool raw_truthy(const bson_value_t& v) {
  switch (v.value_type) {
    case BSON_TYPE_UNDEFINED:
      return false;
    case BSON_TYPE_CODE:
      return v.value.v_code.code_len != 0;
    case BSON_TYPE_CODEWSCOPE:
      return v.value.v_codewscope.code_len != 0;
    case BSON_TYPE_SYMBOL:
      return v.value.v_symbol.len != 0;
    default:
      return true;
  }
}

}  // namespace

std::optional<Oid> Oid::from_hex(std::string_view hex) {
  Oid oid;
  if (hex.size() != 2 * sizeof oid.bytes) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < sizeof oid.bytes; ++i) {
    int high = hex_digit(hex[2 * i]);
    int low = hex_digit(hex[2 * i + 1]);
    if (high < 0 || low < 0) {
      return std::nullopt;
    }
    oid.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return oid;
}

std::string Oid::hex() const {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * sizeof bytes);
  for (std::uint8_t b : bytes) {
    text += kDigits[b >> 4];
    text += kDigits[b & 15];
  }
  return text;
}

std::uint32_t Oid::time() const {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
}

Raw::Raw(const bson_value_t& value) {
  if (is_common(value.value_type)) {
    throw Error(Exit::kFailed, "a BSON type that has a type of its own cannot be a Raw value");
  }
  bson_value_copy(&value, &value_);
}

Raw::Raw(const Raw& other) { bson_value_copy(&other.value_, &value_); }

Raw::Raw(Raw&& other) noexcept : value_(std::exchange(other.value_, bson_value_t{BSON_TYPE_UNDEFINED, 0, {}})) {}

Raw& Raw::operator=(Raw other) noexcept {
  std::swap(value_, other.value_);
  return *this;
}

Raw::~Raw() { bson_value_destroy(&value_); }

bool Raw::operator==(const Raw& other) const {
  if (value_.value_type != other.value_.value_type) {
    return false;
  }
  const auto& a = value_.value;
  const auto& b = other.value_.value;
  switch (value_.value_type) {
    case BSON_TYPE_TIMESTAMP:
      return a.v_timestamp.timestamp == b.v_timestamp.timestamp && a.v_timestamp.increment == b.v_timestamp.increment;
    case BSON_TYPE_CODE:
      return same(a.v_code.code, a.v_code.code_len, b.v_code.code, b.v_code.code_len);
    case BSON_TYPE_SYMBOL:
      return same(a.v_symbol.symbol, a.v_symbol.len, b.v_symbol.symbol, b.v_symbol.len);
    case BSON_TYPE_REGEX:
      return std::strcmp(a.v_regex.regex, b.v_regex.regex) == 0 &&
             std::strcmp(a.v_regex.options, b.v_regex.options) == 0;
    case BSON_TYPE_DBPOINTER:
      return same(a.v_dbpointer.collection, a.v_dbpointer.collection_len, b.v_dbpointer.collection,
                  b.v_dbpointer.collection_len) &&
             bson_oid_equal(&a.v_dbpointer.oid, &b.v_dbpointer.oid);
    case BSON_TYPE_CODEWSCOPE:
      return same(a.v_codewscope.code, a.v_codewscope.code_len, b.v_codewscope.code, b.v_codewscope.code_len) &&
             same(a.v_codewscope.scope_data, a.v_codewscope.scope_len, b.v_codewscope.scope_data,
                  b.v_codewscope.scope_len);
    case BSON_TYPE_DECIMAL128:
      return a.v_decimal128.low == b.v_decimal128.low && a.v_decimal128.high == b.v_decimal128.high;
    default:
      return true;
  }
}

Document::Document() = default;
Document::Document(std::initializer_list<Element> elements) : elements_(elements) {}
Document::Document(const Document&) = default;
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(const Document&) = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

Document Document::decode(const std::uint8_t* data, std::size_t size) { return Codec::decode(data, size); }
Document Document::decode(const bson_t* bson) { return Codec::decode(bson_get_data(bson), bson->len); }

bool Document::empty() const { return elements_.empty(); }
std::size_t Document::size() const { return elements_.size(); }
const Element& Document::operator[](std::size_t i) const { return elements_[i]; }
Element& Document::operator[](std::size_t i) { return elements_[i]; }
const Element* Document::begin() const { return elements_.data(); }
const Element* Document::end() const { return elements_.data() + elements_.size(); }
Element* Document::begin() { return elements_.data(); }
Element* Document::end() { return elements_.data() + elements_.size(); }

std::size_t Document::index_of(std::string_view key) const {
  auto it = std::find_if(elements_.begin(), elements_.end(), [&](const Element& e) { return e.key == key; });
  return static_cast<std::size_t>(it - elements_.begin());
}

const Value* Document::find(std::string_view key) const {
  std::size_t i = index_of(key);
  return i < elements_.size() ? &elements_[i].value : nullptr;
}

Value* Document::find(std::string_view key) { return const_cast<Value*>(std::as_const(*this).find(key)); }

void Document::set(std::string_view key, Value value) {
  if (Value* old = find(key)) {
    *old = std::move(value);
  } else {
    append(std::string(key), std::move(value));
  }
}

void Document::append(std::string key, Value value) { elements_.push_back({std::move(key), std::move(value)}); }

void Document::insert(std::size_t index, std::string key, Value value) {
  elements_.insert(elements_.begin() + static_cast<std::ptrdiff_t>(index), Element{std::move(key), std::move(value)});
}

std::optional<Value> Document::take(std::string_view key) {
  std::size_t i = index_of(key);
  if (i == elements_.size()) {
    return std::nullopt;
  }
  std::optional<Value> value(std::move(elements_[i].value));
  erase(i);
  return value;
}

void Document::erase(std::size_t index) { elements_.erase(elements_.begin() + static_cast<std::ptrdiff_t>(index)); }

bool Document::operator==(const Document&) const = default;

Array::Array() = default;
Array::Array(std::initializer_list<Value> items) : items_(items) {}
Array::Array(const Array&) = default;
Array::Array(Array&&) noexcept = default;
Array& Array::operator=(const Array&) = default;
Array& Array::operator=(Array&&) noexcept = default;
Array::~Array() = default;

bool Array::empty() const { return items_.empty(); }
std::size_t Array::size() const { return items_.size(); }
const Value& Array::operator[](std::size_t i) const { return items_[i]; }
Value& Array::operator[](std::size_t i) { return items_[i]; }
const Value* Array::begin() const { return items_.data(); }
const Value* Array::end() const { return items_.data() + items_.size(); }
Value* Array::begin() { return items_.data(); }
Value* Array::end() { return items_.data() + items_.size(); }

void Array::append(Value value) {
  keys_.clear();
  items_.push_back(std::move(value));
}

void Array::insert(std::size_t index, Value value) {
  keys_.clear();
  items_.insert(items_.begin() + static_cast<std::ptrdiff_t>(index), std::move(value));
}

Value Array::take(std::size_t index) {
  keys_.clear();
  Value value = std::move(items_[index]);
  items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(index));
  return value;
}

bool Array::operator==(const Array&) const = default;

bool Value::truthy() const {
  return std::visit(Match{
                        [](Null) { return false; },
                        [](bool v) { return v; },
                        [](std::int32_t v) { return v != 0; },
                        [](std::int64_t v) { return v != 0; },
                        [](double v) { return v != 0.0; },
                        [](const std::string& v) { return !v.empty(); },
                        [](const Oid&) { return true; },
                        [](Date) { return true; },
                        [](const Document& v) { return !v.empty(); },
                        [](const Array& v) { return !v.empty(); },
                        [](const Binary& v) { return !v.data.empty(); },
                        [](const Raw& v) { return raw_truthy(v.get()); },
                    },
                    v_);
}

std::optional<std::int64_t> Value::integer() const {
  if (const auto* i = as<std::int32_t>()) {
    return *i;
  }
  if (const auto* i = as<std::int64_t>()) {
    return *i;
  }
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (const auto* d = as<double>(); d != nullptr && *d >= -kLimit && *d < kLimit && std::trunc(*d) == *d) {
    return static_cast<std::int64_t>(*d);
  }
  return std::nullopt;
}

const char* Value::type_name() const {
  return std::visit(Match{
                        [](Null) { return "null"; },
                        [](bool) { return "bool"; },
                        [](std::int32_t) { return "int"; },
                        [](std::int64_t) { return "long"; },
                        [](double) { return "double"; },
                        [](const std::string&) { return "string"; },
                        [](const Oid&) { return "objectId"; },
                        [](Date) { return "date"; },
                        [](const Document&) { return "object"; },
                        [](const Array&) { return "array"; },
                        [](const Binary&) { return "binData"; },
                        [](const Raw& v) { return raw_type_name(v.get().value_type); },
                    },
                    v_);
}

bool Value::operator==(const Value& other) const {
  if (const auto* d = as<double>()) {
    const auto* o = other.as<double>();
    return o != nullptr && std::bit_cast<std::uint64_t>(*d) == std::bit_cast<std::uint64_t>(*o);
  }
  return v_ == other.v_;
}

Bytes::Bytes(const bson_t* bson) : data_(reinterpret_cast<const char*>(bson_get_data(bson)), bson->len) {}

View::View(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {
  if (!bson_init_static(&bson_, data, size)) {
    throw Error(Exit::kFailed, "BSON document is malformed: its length or its last byte is wrong");
  }
}

View& View::operator=(const View& other) {
  if (this == &other) return *this;
  data_ = other.data_;
  size_ = other.size_;
  bson_init_static(&bson_, data_, size_);
  return *this;
}

Bytes View::copy() const { return Bytes(std::string(reinterpret_cast<const char*>(data_), size_)); }

std::optional<Value> View::get(std::string_view key) const {
  Codec::Slot element = Codec::find(data_, size_, key);
  if (element.type == BSON_TYPE_EOD) {
    return std::nullopt;
  }
  return Codec::decode_value(element);
}

std::optional<std::string_view> View::get_string(std::string_view key) const {
  Codec::Slot element = Codec::find(data_, size_, key);
  if (element.type != BSON_TYPE_UTF8) {
    return std::nullopt;
  }
  return std::string_view(reinterpret_cast<const char*>(element.data + 4), element.end - element.data - 5U);
}

Bytes encode(const Document& doc) {
  std::string data(Codec::size(doc), '\0');
  Codec::encode(doc, reinterpret_cast<std::uint8_t*>(data.data()));
  return Bytes(std::move(data));
}

std::size_t encoded_size(const Document& doc) { return Codec::size(doc); }

CDoc::CDoc(const Document& doc) {
  bson_init(&bson_);
  try {
    append(doc);
  } catch (...) {
    bson_destroy(&bson_);
    throw;
  }
}

void CDoc::append(std::string_view key, const Bytes& document) {
  if (bson_append_document(&bson_, key.data(), static_cast<int>(key.size()), View(document).c())) return;
  throw Error(Exit::kFailed, "a document is too large for BSON");
}

void CDoc::append(const Document& doc) {
  std::size_t before = bson_.len;
  std::size_t after = before + Codec::size(doc) - 5;
  std::uint8_t* data = after <= INT32_MAX ? bson_reserve_buffer(&bson_, static_cast<std::uint32_t>(after)) : nullptr;
  if (data == nullptr) {
    throw Error(Exit::kFailed, "a document is too large for BSON");
  }
  Codec::encode_elements(doc, data + before - 1);
  data[after - 1] = 0;
  std::uint32_t length = BSON_UINT32_TO_LE(static_cast<std::uint32_t>(after));
  std::memcpy(data, &length, sizeof length);
}

}  // namespace fm::bson
