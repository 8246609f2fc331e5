#include "ops/concat.h"

namespace fm::ops {

using bson::Document;
using bson::Value;

namespace {

const std::string* key_of(const Value& part) {
  const auto* doc = part.as<Document>();
  const auto* key = doc && doc->size() == 1 ? doc->find("key") : nullptr;
  return key ? key->as<std::string>() : nullptr;
}

}  // namespace

Concat Concat::parse(const Value& source, const Arguments& arguments) {
  Concat out;
  if (const auto* key = key_of(source)) {
    out.parts.emplace_back(bson::Path(*key));
    return out;
  }
  const auto* doc = source.as<Document>();
  const auto* concat = doc ? doc->find("concat") : nullptr;
  const auto* list = concat ? concat->as<bson::Array>() : nullptr;
  if (!list || list->empty()) arguments.fail("a source is a word, {key: PATH} or {concat: [...]}");
  for (const auto& part : *list) {
    if (const auto* text = part.as<std::string>()) {
      out.parts.emplace_back(*text);
    } else if (const auto* key = key_of(part)) {
      out.parts.emplace_back(bson::Path(*key));
    } else {
      arguments.fail("'concat' takes strings and {key: PATH}");
    }
  }
  return out;
}

std::optional<Value> Concat::evaluate(const Document& doc) const {
  std::string out;
  for (const auto& part : parts) {
    if (const auto* text = std::get_if<std::string>(&part)) {
      out += *text;
      continue;
    }
    const Value* found = std::get<bson::Path>(part).find(doc);
    if (!found) return std::nullopt;
    if (parts.size() == 1) return *found;
    const auto* text = found->as<std::string>();
    if (!text) return std::nullopt;
    out += *text;
  }
  return Value(std::move(out));
}

std::string Concat::describe() const {
  std::string out;
  for (const auto& part : parts) {
    if (!out.empty()) out += " + ";
    const auto* text = std::get_if<std::string>(&part);
    out += text ? "\"" + *text + "\"" : std::get<bson::Path>(part).str();
  }
  return out;
}

}  // namespace fm::ops
