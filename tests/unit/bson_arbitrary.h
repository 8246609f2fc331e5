// Random BSON for rapidcheck: every type, empty and duplicate keys, embedded
// NULs, any bits in doubles, nested as deep as the size allows. Failed cases are
// shown as hexadecimal bytes.
#pragma once

#include <rapidcheck.h>

#include <cstring>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "bson/document.h"

namespace fm::bson {

inline std::ostream& operator<<(std::ostream& out, const Document& doc) {
  constexpr char kDigits[] = "0123456789abcdef";
  Bytes bytes = encode(doc);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    out << kDigits[bytes.data()[i] >> 4] << kDigits[bytes.data()[i] & 15];
  }
  return out;
}

inline std::ostream& operator<<(std::ostream& out, const Value& value) {
  return out << value.type_name() << ' ' << Document{{"", value}};
}

inline std::ostream& operator<<(std::ostream& out, const Element& element) {
  return out << element.key << ": " << element.value;
}

}  // namespace fm::bson

namespace fm::arbitrary {

using bson::Value;

inline rc::Gen<std::string> key() {
  return rc::gen::weightedOneOf<std::string>(
      {{1, rc::gen::just(std::string())},
       {4, rc::gen::element<std::string>("_id", "a", "0", "label", "frames.id", "$ref", "é")},
       {4, rc::gen::container<std::string>(rc::gen::distinctFrom(rc::gen::arbitrary<char>(), '\0'))}});
}

inline rc::Gen<bson::Oid> oid() {
  return rc::gen::map(rc::gen::container<std::vector<std::uint8_t>>(12, rc::gen::arbitrary<std::uint8_t>()),
                      [](const std::vector<std::uint8_t>& bytes) {
                        bson::Oid id;
                        std::memcpy(id.bytes, bytes.data(), sizeof id.bytes);
                        return id;
                      });
}

inline rc::Gen<double> any_double() {
  return rc::gen::oneOf(rc::gen::arbitrary<double>(),
                        rc::gen::map(rc::gen::arbitrary<std::uint64_t>(), [](std::uint64_t bits) {
                          double d;
                          std::memcpy(&d, &bits, sizeof d);
                          return d;
                        }));
}

inline rc::Gen<bson::Binary> binary() {
  return rc::gen::map(
      rc::gen::pair(rc::gen::element<std::uint8_t>(0, 1, 2, 3, 4, 5, 128, 255), rc::gen::arbitrary<std::string>()),
      [](std::pair<std::uint8_t, std::string> p) {
        return bson::Binary{p.first, std::move(p.second)};
      });
}

// The types that have no class of their own.
inline rc::Gen<bson::Raw> raw() {
  auto type = rc::gen::element(BSON_TYPE_TIMESTAMP, BSON_TYPE_CODE, BSON_TYPE_SYMBOL, BSON_TYPE_REGEX,
                               BSON_TYPE_DBPOINTER, BSON_TYPE_CODEWSCOPE, BSON_TYPE_DECIMAL128, BSON_TYPE_UNDEFINED,
                               BSON_TYPE_MINKEY, BSON_TYPE_MAXKEY);
  auto text = rc::gen::arbitrary<std::string>();
  return rc::gen::map(
      rc::gen::tuple(type, text, key(), rc::gen::arbitrary<std::uint64_t>(), rc::gen::arbitrary<std::uint64_t>()),
      [](const std::tuple<bson_type_t, std::string, std::string, std::uint64_t, std::uint64_t>& t) {
        auto [kind, any, word, a, b] = t;
        auto length = static_cast<std::uint32_t>(any.size());
        bson::Bytes scope = encode(bson::Document{{word, static_cast<std::int64_t>(a)}, {"", bson::Null{}}});
        bson_value_t v = {};
        v.value_type = kind;
        switch (kind) {
          case BSON_TYPE_TIMESTAMP:
            v.value.v_timestamp.timestamp = static_cast<std::uint32_t>(a);
            v.value.v_timestamp.increment = static_cast<std::uint32_t>(b);
            break;
          case BSON_TYPE_CODE:
            v.value.v_code.code = any.data();
            v.value.v_code.code_len = length;
            break;
          case BSON_TYPE_SYMBOL:
            v.value.v_symbol.symbol = any.data();
            v.value.v_symbol.len = length;
            break;
          case BSON_TYPE_REGEX:
            v.value.v_regex.regex = word.data();
            v.value.v_regex.options = word.data();
            break;
          case BSON_TYPE_DBPOINTER:
            v.value.v_dbpointer.collection = any.data();
            v.value.v_dbpointer.collection_len = length;
            std::memcpy(v.value.v_dbpointer.oid.bytes, &a, sizeof a);
            break;
          case BSON_TYPE_CODEWSCOPE:
            v.value.v_codewscope.code = any.data();
            v.value.v_codewscope.code_len = length;
            v.value.v_codewscope.scope_data = const_cast<std::uint8_t*>(scope.data());
            v.value.v_codewscope.scope_len = static_cast<std::uint32_t>(scope.size());
            break;
          case BSON_TYPE_DECIMAL128:
            v.value.v_decimal128.low = a;
            v.value.v_decimal128.high = b;
            break;
          default:
            break;
        }
        return bson::Raw(v);
      });
}

inline rc::Gen<Value> value();
inline rc::Gen<bson::Document> document();

inline rc::Gen<Value> scalar() {
  auto as_value = [](auto gen) { return rc::gen::map(std::move(gen), [](auto v) { return Value(std::move(v)); }); };
  return rc::gen::oneOf(
      rc::gen::just(Value()), as_value(rc::gen::arbitrary<bool>()), as_value(rc::gen::arbitrary<std::int32_t>()),
      as_value(rc::gen::arbitrary<std::int64_t>()), as_value(any_double()), as_value(rc::gen::arbitrary<std::string>()),
      as_value(oid()),
      as_value(rc::gen::map(rc::gen::arbitrary<std::int64_t>(), [](auto ms) { return bson::Date{ms}; })),
      as_value(binary()), as_value(raw()));
}

inline rc::Gen<bson::Array> array() {
  return rc::gen::map(rc::gen::container<std::vector<Value>>(rc::gen::lazy([] { return value(); })),
                      [](std::vector<Value> items) {
                        bson::Array a;
                        for (Value& item : items) {
                          a.append(std::move(item));
                        }
                        return a;
                      });
}

inline rc::Gen<bson::Document> document() {
  return rc::gen::map(rc::gen::container<std::vector<std::pair<std::string, Value>>>(
                          rc::gen::pair(key(), rc::gen::lazy([] { return value(); }))),
                      [](const std::vector<std::pair<std::string, Value>>& elements) {
                        bson::Document d;
                        for (const auto& [name, item] : elements) {
                          d.append(name, item);
                        }
                        return d;
                      });
}

inline rc::Gen<Value> value() {
  return rc::gen::withSize([](int size) {
    if (size < 4) {
      return scalar();
    }
    // Containers share the size out among their items.
    auto nested = [](auto gen) { return rc::gen::map(std::move(gen), [](auto v) { return Value(std::move(v)); }); };
    return rc::gen::weightedOneOf<Value>({{6, scalar()},
                                          {1, rc::gen::resize(size / 4, nested(document()))},
                                          {1, rc::gen::resize(size / 4, nested(array()))}});
  });
}

}  // namespace fm::arbitrary

namespace rc {

template <>
struct Arbitrary<fm::bson::Document> {
  static Gen<fm::bson::Document> arbitrary() { return fm::arbitrary::document(); }
};

template <>
struct Arbitrary<fm::bson::Value> {
  static Gen<fm::bson::Value> arbitrary() { return fm::arbitrary::value(); }
};

}  // namespace rc
