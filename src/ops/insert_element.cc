#include "ops/insert_element.h"

#include <algorithm>

#include "ops/operation.h"

namespace fm::ops {

using bson::Array;
using bson::Document;

InsertElement InsertElement::parse(Arguments& arguments) {
  InsertElement out;
  out.into = arguments.path("into");
  arguments.value("value");
  out.value = *arguments.optional_document("value");
  const auto* name = out.value.find("name");
  const auto* text = name ? name->as<std::string>() : nullptr;
  if (!text) arguments.fail("'value' needs a name");
  out.name = *text;
  if (const auto index = arguments.optional_integer("index")) {
    if (*index < 0) arguments.fail("'index' is negative");
    out.index = static_cast<std::size_t>(*index);
  }
  out.after = arguments.optional_text("after");
  if (out.index && out.after) arguments.fail("'index' and 'after' exclude each other");
  return out;
}

std::size_t last_named(const Array& list, std::string_view name) {
  for (std::size_t i = list.size(); i-- > 0;) {
    const auto* doc = list[i].as<Document>();
    const auto* value = doc ? doc->find("name") : nullptr;
    const auto* text = value ? value->as<std::string>() : nullptr;
    if (text && *text == name) return i;
  }
  return list.size();
}

void InsertElement::apply(Document& doc, Context&) const {
  auto* container = into.find(doc);
  auto* list = container ? container->as<Array>() : nullptr;
  if (!list || last_named(*list, name) < list->size()) return;
  std::size_t at = list->size();
  if (index) at = std::min(*index, list->size());
  if (after) {
    const auto found = last_named(*list, *after);
    if (found == list->size()) return;
    at = found + 1;
  }
  list->insert(at, value);
}

std::optional<Lowered> InsertElement::lower(const Bindings&) const { return std::nullopt; }

std::optional<Steps> InsertElement::inverse() const {
  return Steps{Step{RemoveElement{into, {name}, false, value, false}, {}, {}, 0}};
}

std::string InsertElement::describe() const {
  std::string where = index ? " at " + std::to_string(*index) : after ? " after '" + *after + "'" : std::string();
  return "add '" + name + "' to " + into.str() + where + " unless there";
}

}  // namespace fm::ops
