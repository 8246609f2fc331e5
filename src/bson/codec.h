// The wire format of BSON (bsonspec.org), in both directions. Written by hand
// because bson_append_* does not give back what bson_iter_* read: it sorts the
// options of a regex, cuts code at a NUL and drops an empty scope.
#pragma once

#include <bson/bson.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "bson/document.h"

namespace fm::bson {

class Codec {
 public:
  static Document decode(const std::uint8_t* data, std::size_t size);

  // One element of an encoded document; `data` to `end` are its value's bytes.
  struct Slot {
    bson_type_t type = BSON_TYPE_EOD;
    const std::uint8_t* data = nullptr;
    const std::uint8_t* end = nullptr;
  };
  // The first top-level element with that key; type EOD when there is none.
  static Slot find(const std::uint8_t* data, std::size_t size, std::string_view key);
  static Value decode_value(const Slot& element);

  // The length of encode(doc); checks everything encoding can fail on.
  static std::size_t size(const Document& doc);
  // Writes size(doc) bytes.
  static void encode(const Document& doc, std::uint8_t* out);
  // Writes the elements alone, size(doc) - 5 bytes.
  static void encode_elements(const Document& doc, std::uint8_t* out);

 private:
  class Reader;
  class Writer;
};

}  // namespace fm::bson
