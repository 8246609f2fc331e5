#include "bson/read.h"

#include <algorithm>

#include "bson/path.h"

namespace fm::bson {

namespace {

std::size_t depth_below(bson_iter_t& at) {
  std::size_t deepest = 0;
  while (bson_iter_next(&at)) {
    bson_iter_t inner;
    const bool nests = BSON_ITER_HOLDS_DOCUMENT(&at) || BSON_ITER_HOLDS_ARRAY(&at);
    if (nests && bson_iter_recurse(&at, &inner)) deepest = std::max(deepest, depth_below(inner));
  }
  return deepest + 1;
}

}  // namespace

std::string text_at(const Document& doc, const char* path) {
  const auto* value = Path(path).find(doc);
  const auto* text = value ? value->as<std::string>() : nullptr;
  return text ? *text : "";
}

std::int64_t integer_at(const Document& doc, const char* path) {
  const auto* value = Path(path).find(doc);
  return value ? value->integer().value_or(0) : 0;
}

std::optional<std::int64_t> date_at(const Document& doc, const char* path) {
  const auto* value = Path(path).find(doc);
  const auto* date = value ? value->as<Date>() : nullptr;
  return date ? std::optional(date->ms) : std::nullopt;
}

const Array& array_at(const Document& doc, const char* path) {
  static const Array kNone;
  const auto* value = Path(path).find(doc);
  const auto* list = value ? value->as<Array>() : nullptr;
  return list ? *list : kNone;
}

std::vector<std::string> strings_at(const Document& doc, const char* path) {
  std::vector<std::string> out;
  for (const auto& item : array_at(doc, path)) {
    if (const auto* text = item.as<std::string>()) out.push_back(*text);
  }
  return out;
}

std::vector<const Document*> documents_at(const Document& doc, const char* path) {
  std::vector<const Document*> out;
  for (const auto& item : array_at(doc, path)) {
    if (const auto* one = item.as<Document>()) out.push_back(one);
  }
  return out;
}

std::size_t depth_of(const View& document) {
  bson_iter_t at;
  return bson_iter_init(&at, document.c()) ? depth_below(at) : 0;
}

}  // namespace fm::bson
