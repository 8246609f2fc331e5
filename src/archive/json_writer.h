// BSON bytes to Extended JSON text, as the original's driver writes it.
//
// Relaxed Extended JSON version 2 (spec: dataset archive, 2.1), the same bytes
// for the same document: ", " and ": " between, \uXXXX for all that is not
// ASCII, the shortest form of a double that reads back as the same.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "bson/document.h"

namespace fm::archive {

enum class JsonStyle {
  kRelaxed,
  kCanonical,  // keeps the width of integers
};

// A document that text could not give back: a key that stands for a type, or
// bytes that are no UTF-8. what() names the path.
class NotWritable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Appends. Throws NotWritable; `out` is then undefined behind its old end.
void write_json(bson::View document, JsonStyle style, std::string& out);

std::string to_json(const bson::Document& document, JsonStyle style = JsonStyle::kRelaxed);

}  // namespace fm::archive
