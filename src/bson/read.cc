#include "bson/read.h"

#include "bson/path.h"

namespace fm::bson {

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

}  // namespace fm::bson
