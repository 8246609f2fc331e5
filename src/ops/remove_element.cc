#include "ops/remove_element.h"

#include "ops/operation.h"
#include "ops/server_form.h"

namespace fm::ops {

using bson::Array;
using bson::Document;

RemoveElement RemoveElement::parse(Arguments& arguments) {
  RemoveElement out{arguments.path("from"), arguments.texts("name"), arguments.flag("last"), std::nullopt,
                    arguments.flag("lossless")};
  if (const auto* value = arguments.optional_value("default")) out.restored = *value;
  return out;
}

void RemoveElement::apply(Document& doc, Context& context) const {
  auto* container = from.find(doc);
  auto* list = container ? container->as<Array>() : nullptr;
  if (!list) return;
  Context::Scope scope(context, from.str());
  for (const auto& name : names) {
    for (;;) {
      const auto at = last_named(*list, name);
      if (at == list->size()) break;
      const auto* before = at > 0 ? (*list)[at - 1].as<Document>() : nullptr;
      const auto* before_name = before ? before->find("name") : nullptr;
      const auto* preceding = before_name ? before_name->as<std::string>() : nullptr;
      std::string preceding_key = preceding ? *preceding : "";
      auto value = list->take(at);
      const auto back = lossless ? std::optional(value) : restored;
      context.displace(name, std::move(value), nullptr, preceding_key, back ? &*back : nullptr);
      if (last) break;
    }
  }
}

std::optional<Lowered> RemoveElement::lower(const Bindings&) const { return std::nullopt; }

std::optional<Steps> RemoveElement::inverse() const { return std::nullopt; }

std::string RemoveElement::describe() const {
  return std::string("remove ") + (last ? "the last " : "") + listed(names) + " from " + from.str();
}

std::vector<std::string> RemoveElement::loses() const {
  if (lossless) return {};
  std::vector<std::string> out;
  for (const auto& name : names) out.push_back(from.str() + "." + name);
  return out;
}

}  // namespace fm::ops
