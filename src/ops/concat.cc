#include "ops/concat.h"

#include "base/text.h"
#include "ops/naming.h"

namespace fm::ops {

using bson::Document;
using bson::Value;

namespace {

const std::string* argument_of(const Value& part, const char* name) {
  const auto* doc = part.as<Document>();
  const auto* argument = doc && doc->size() == 1 ? doc->find(name) : nullptr;
  return argument ? argument->as<std::string>() : nullptr;
}

const std::string* key_of(const Value& part) { return argument_of(part, "key"); }

}  // namespace

Concat Concat::parse(const Value& source, const Arguments& arguments) {
  Concat out;
  if (const auto* key = key_of(source)) {
    out.parts.emplace_back(bson::Path(*key));
    return out;
  }
  if (const auto* name = argument_of(source, "slug")) {
    out.parts.emplace_back(bson::Path(*name));
    out.slug = true;
    return out;
  }
  const auto* doc = source.as<Document>();
  const auto* concat = doc ? doc->find("concat") : nullptr;
  const auto* list = concat ? concat->as<bson::Array>() : nullptr;
  if (!list || list->empty()) arguments.fail("a source is a word, {key: PATH}, {slug: PATH} or {concat: [...]}");
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
    if (parts.size() == 1 && !slug) return *found;
    const auto* text = found->as<std::string>();
    if (!text) return std::nullopt;
    out += *text;
  }
  if (slug) out = slugify(first_code_points(out, kLongestName));
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
