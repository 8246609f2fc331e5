#include "bson/json.h"

#include <fmt/format.h>

#include <memory>

#include "base/error.h"

namespace fm::bson {
namespace {

struct BsonFree {
  void operator()(char* text) const { bson_free(text); }
};

struct ReaderFree {
  void operator()(bson_json_reader_t* reader) const { bson_json_reader_destroy(reader); }
};

std::string to_json(const Document& doc, char* (*print)(const bson_t*, std::size_t*)) {
  CDoc c(doc);
  std::size_t length = 0;
  std::unique_ptr<char, BsonFree> text(print(c.get(), &length));
  if (text == nullptr) {
    throw Error(Exit::kFailed, "a document with text that is not UTF-8 cannot be written as JSON");
  }
  return {text.get(), length};
}

}  // namespace

std::string to_canonical_json(const Document& doc) { return to_json(doc, bson_as_canonical_extended_json); }

std::string to_relaxed_json(const Document& doc) { return to_json(doc, bson_as_relaxed_extended_json); }

Document from_json(std::string_view text) {
  std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && text[first] != '{') {
    throw Error(Exit::kUsage, "a JSON object was expected, it starts with \"{\"");
  }
  // Unlike bson_init_from_json, the reader tells what comes after the document.
  std::unique_ptr<bson_json_reader_t, ReaderFree> reader(bson_json_data_reader_new(true, text.size()));
  bson_json_data_reader_ingest(reader.get(), reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  CDoc c;
  bson_error_t error = {};
  int got = bson_json_reader_read(reader.get(), c.out(), &error);
  if (got == 0) {
    throw Error(Exit::kUsage, "Empty JSON string");
  }
  CDoc rest;
  if (got < 0 || (got = bson_json_reader_read(reader.get(), rest.out(), &error)) < 0) {
    throw Error(Exit::kUsage, error.message);
  }
  if (got > 0) {
    throw Error(Exit::kUsage, "there is more text after the JSON object");
  }
  return Document::decode(c.get());
}

}  // namespace fm::bson
