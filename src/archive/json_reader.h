// Extended JSON text to BSON bytes, without anything in between.
//
// Takes the union of what drivers have written (spec: dataset archive, 2):
// legacy, relaxed and canonical Extended JSON, bare NaN and Infinity, dates as
// text with or without a zone, as a number or as $numberLong, binary data of
// both shapes. Integers within 32 bits become int32, larger ones int64. Of
// equal keys in one object the last value stays, in the place of the first.
#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "bson/document.h"

namespace fm::archive {

// What is wrong with a document, and where in its text.
class JsonError : public std::runtime_error {
 public:
  JsonError(const std::string& what, std::size_t offset) : std::runtime_error(what), offset_(offset) {}
  std::size_t offset() const { return offset_; }

 private:
  std::size_t offset_;
};

// Not thread-safe: one for each thread. Linear in the size of the text.
class JsonReader {
 public:
  JsonReader();
  JsonReader(const JsonReader&) = delete;
  JsonReader& operator=(const JsonReader&) = delete;
  ~JsonReader();

  // Appends one document. kTextPadding readable bytes follow `text`, which is
  // one JSON object and nothing else. Throws JsonError; `out` is then as before.
  void append(std::string_view text, std::string& out);

 private:
  class Writer;
  std::unique_ptr<Writer> writer_;
};

// One document with a message for people: throws Error(kMismatch) naming `file`
// and the byte.
bson::Document parse_document(const std::string& text, const std::string& file);

}  // namespace fm::archive
