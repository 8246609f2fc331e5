// Owning, ordered, typed BSON documents, and a view over encoded ones.
//
// A Document is a list of (key, Value): order and duplicate keys are kept, and
// Document::decode followed by encode gives the same bytes for every document
// libbson accepts. Types that no revision looks into (regex, timestamp,
// decimal128, code, ...) travel as an opaque Raw value.
#pragma once

#include <bson/bson.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace fm::bson {

// Levels of documents and arrays below the top one. The server allows 180.
constexpr int kMaxDepth = 200;

struct Null {
  bool operator==(const Null&) const = default;
};

// Milliseconds since the epoch, UTC.
struct Date {
  std::int64_t ms = 0;
  bool operator==(const Date&) const = default;
};

struct Oid {
  std::uint8_t bytes[12] = {};
  static std::optional<Oid> from_hex(std::string_view hex);
  std::string hex() const;
  // Seconds since the epoch, from the first four bytes.
  std::uint32_t time() const;
  auto operator<=>(const Oid&) const = default;
};

struct Binary {
  std::uint8_t subtype = 0;
  std::string data;
  bool operator==(const Binary&) const = default;
};

// Any other BSON type, owned through libbson's own value type.
class Raw {
 public:
  explicit Raw(const bson_value_t& value);
  Raw(const Raw& other);
  Raw(Raw&& other) noexcept;
  Raw& operator=(Raw other) noexcept;
  ~Raw();
  const bson_value_t& get() const { return value_; }
  bool operator==(const Raw& other) const;

 private:
  bson_value_t value_;
};

class Value;
struct Element;

class Document {
 public:
  Document();
  Document(std::initializer_list<Element> elements);
  Document(const Document&);
  Document(Document&&) noexcept;
  Document& operator=(const Document&);
  Document& operator=(Document&&) noexcept;
  ~Document();

  // Throws Error(kFailed) when the bytes are not one well-formed document, or
  // when it nests deeper than kMaxDepth.
  static Document decode(const std::uint8_t* data, std::size_t size);
  static Document decode(const bson_t* bson);

  bool empty() const;
  std::size_t size() const;
  const Element& operator[](std::size_t i) const;
  Element& operator[](std::size_t i);
  const Element* begin() const;
  const Element* end() const;
  Element* begin();
  Element* end();

  // First element with that key, or nullptr.
  const Value* find(std::string_view key) const;
  Value* find(std::string_view key);
  bool has(std::string_view key) const { return find(key) != nullptr; }
  // Index of the key, or size().
  std::size_t index_of(std::string_view key) const;

  // Replaces in place, or appends.
  void set(std::string_view key, Value value);
  void append(std::string key, Value value);
  void insert(std::size_t index, std::string key, Value value);
  // Removes and returns the first element with that key.
  std::optional<Value> take(std::string_view key);
  void erase(std::size_t index);

  bool operator==(const Document&) const;

 private:
  friend class Codec;
  std::vector<Element> elements_;
};

class Array {
 public:
  Array();
  Array(std::initializer_list<Value> items);
  // Of whatever a Value can be made of.
  template <typename Range>
  static Array of(const Range& items) {
    Array out;
    for (const auto& item : items) out.append(item);
    return out;
  }
  Array(const Array&);
  Array(Array&&) noexcept;
  Array& operator=(const Array&);
  Array& operator=(Array&&) noexcept;
  ~Array();

  bool empty() const;
  std::size_t size() const;
  const Value& operator[](std::size_t i) const;
  Value& operator[](std::size_t i);
  const Value* begin() const;
  const Value* end() const;
  Value* begin();
  Value* end();

  // Adding and taking renumber: keys become "0", "1", ... again. Assigning to an
  // item does not.
  void append(Value value);
  void insert(std::size_t index, Value value);
  Value take(std::size_t index);

  bool operator==(const Array&) const;

 private:
  friend class Codec;
  std::vector<Value> items_;
  std::vector<std::string> keys_;  // only when they are not "0", "1", ...
};

class Value {
 public:
  using Storage = std::variant<Null, bool, std::int32_t, std::int64_t, double, std::string, Oid, Date, Document, Array,
                               Binary, Raw>;

  Value() = default;
  Value(Null) {}
  Value(bool v) : v_(v) {}
  Value(std::int32_t v) : v_(v) {}
  Value(std::int64_t v) : v_(v) {}
  Value(double v) : v_(v) {}
  Value(const char* v) : v_(std::string(v)) {}
  Value(std::string_view v) : v_(std::string(v)) {}
  Value(std::string v) : v_(std::move(v)) {}
  Value(Oid v) : v_(v) {}
  Value(Date v) : v_(v) {}
  Value(Document v) : v_(std::move(v)) {}
  Value(Array v) : v_(std::move(v)) {}
  Value(Binary v) : v_(std::move(v)) {}
  Value(Raw v) : v_(std::move(v)) {}
  Value(std::nullptr_t) = delete;
  template <class T>
  Value(T*) = delete;

  template <class T>
  const T* as() const {
    return std::get_if<T>(&v_);
  }
  template <class T>
  T* as() {
    return std::get_if<T>(&v_);
  }
  bool is_null() const { return std::holds_alternative<Null>(v_); }

  // As the original's language sees it: null, false, 0, "", {}, [], empty binary
  // data, undefined and empty code or symbols are false, everything else is true.
  bool truthy() const;
  // The number as int64 when it is an int32, int64 or integral double.
  std::optional<std::int64_t> integer() const;
  // "string", "object", "int", ...: the names of the server's $type.
  const char* type_name() const;

  const Storage& storage() const { return v_; }

  // True when the encoded forms are equal: types count, doubles go bit by bit.
  bool operator==(const Value& other) const;

 private:
  friend class Codec;
  Storage v_;
};

struct Element {
  std::string key;
  Value value;
  bool operator==(const Element&) const = default;
};

// One encoded document, owned.
class Bytes {
 public:
  Bytes() = default;
  explicit Bytes(std::string data) : data_(std::move(data)) {}
  explicit Bytes(const bson_t* bson);
  const std::uint8_t* data() const { return reinterpret_cast<const std::uint8_t*>(data_.data()); }
  std::size_t size() const { return data_.size(); }
  Document decode() const { return Document::decode(data(), size()); }
  bool operator==(const Bytes&) const = default;

 private:
  std::string data_;
};

// A read-only look at one encoded document that somebody else keeps alive.
class View {
 public:
  // Throws Error(kFailed) when the frame (length and last byte) is wrong.
  View(const std::uint8_t* data, std::size_t size);
  explicit View(const Bytes& bytes) : View(bytes.data(), bytes.size()) {}
  explicit View(const bson_t* bson) : View(bson_get_data(bson), bson->len) {}
  // A static bson_t points into itself, so it cannot be copied member by member.
  View(const View& other) : View(other.data_, other.size_) {}
  View& operator=(const View& other);

  const std::uint8_t* data() const { return data_; }
  std::size_t size() const { return size_; }
  Document decode() const { return Document::decode(data_, size_); }
  Bytes copy() const;
  // The value of a top-level key; nothing else is decoded.
  std::optional<Value> get(std::string_view key) const;
  // The text of a top-level string; valid while the bytes are.
  std::optional<std::string_view> get_string(std::string_view key) const;

  // For the C driver: refers to the bytes, owns nothing.
  const bson_t* c() const { return &bson_; }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  bson_t bson_;
};

// Throws Error(kFailed) when a key contains a NUL, when it nests deeper than
// kMaxDepth, or when the result would be 2 GiB or more.
Bytes encode(const Document& doc);
// Size of the encoded form in bytes.
std::size_t encoded_size(const Document& doc);

// A bson_t of one's own, for calls of the C driver.
class CDoc {
 public:
  CDoc() { bson_init(&bson_); }
  explicit CDoc(const Document& doc);
  CDoc(const CDoc&) = delete;
  CDoc& operator=(const CDoc&) = delete;
  ~CDoc() { bson_destroy(&bson_); }
  const bson_t* get() const { return &bson_; }
  bson_t* out() { return &bson_; }
  // Adds the elements of `doc` at the end.
  void append(const Document& doc);
  // Adds an encoded document as the value of a key: nothing of it is decoded.
  void append(std::string_view key, const Bytes& document);

 private:
  bson_t bson_;
};

}  // namespace fm::bson
