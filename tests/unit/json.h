// Documents written as Extended JSON, and shown so when an expectation fails.
#pragma once

#include <ostream>
#include <string>
#include <string_view>

#include "base/error.h"
#include "bson/document.h"
#include "bson/json.h"

namespace fm::bson {

inline std::string shown(const Document& doc) {
  try {
    return to_canonical_json(doc);
  } catch (const Error&) {  // text that is not UTF-8
    constexpr char kDigits[] = "0123456789abcdef";
    const Bytes bytes = encode(doc);
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      out += kDigits[bytes.data()[i] >> 4];
      out += kDigits[bytes.data()[i] & 15];
    }
    return out;
  }
}

inline void PrintTo(const Document& doc, std::ostream* out) { *out << shown(doc); }
inline void PrintTo(const Value& value, std::ostream* out) { *out << shown(Document{{"", value}}); }
inline void PrintTo(const Array& array, std::ostream* out) { *out << shown(Document{{"", array}}); }

}  // namespace fm::bson

namespace fm {

inline bson::Document json(std::string_view text) { return bson::from_json(text); }
// The value of the only key: json_value("[1, 2]").
inline bson::Value json_value(std::string_view text) {
  return bson::from_json("{\"\": " + std::string(text) + "}")[0].value;
}

}  // namespace fm
