#include "ops/inline.h"

#include "ops/operation.h"
#include "ops/server_form.h"

namespace fm::ops {

using bson::Document;
using bson::Value;

Inline Inline::parse(Arguments& arguments) {
  Inline out;
  for (const auto& field : arguments.texts("fields")) out.fields.emplace_back(field);
  out.collection = arguments.text("from");
  out.owner = arguments.text("owner");
  return out;
}

void Inline::references(const Document& doc, std::vector<Value>& ids) const {
  for (const auto& field : fields) {
    const auto* value = field.find(doc);
    const auto* mapping = value ? value->as<Document>() : nullptr;
    if (!mapping) continue;
    for (const auto& element : *mapping) {
      if (element.value.as<bson::Oid>()) ids.push_back(element.value);
    }
  }
}

void Inline::apply(Document& doc, Context& context) const {
  for (const auto& field : fields) {
    auto* value = field.find(doc);
    auto* mapping = value ? value->as<Document>() : nullptr;
    if (!mapping) continue;
    for (std::size_t i = 0; i < mapping->size();) {
      Value& element = (*mapping)[i].value;
      if (!element.as<bson::Oid>()) {
        ++i;
        continue;
      }
      const auto* found = context.references.find(collection, element);
      if (!found) {
        context.messages.push_back({Message::Level::kWarning,
                                    "Dropping '" + (*mapping)[i].key + "' from " + field.str() + " of dataset '" +
                                        context.dataset_name + "': its document is missing in '" + collection + "'"});
        Context::Scope scope(context, field.str());
        context.displace((*mapping)[i].key, element, nullptr, i > 0 ? (*mapping)[i - 1].key : "");
        mapping->erase(i);
        continue;
      }
      Document embedded = *found;
      embedded.take("_id");
      embedded.take(owner);
      context.references.remove(collection, element);
      element = std::move(embedded);
      ++i;
    }
  }
}

std::optional<Lowered> Inline::lower(const Bindings&) const { return std::nullopt; }

std::optional<Steps> Inline::inverse() const { return Steps{Step{Extract{fields, collection, owner}, {}, {}, 0}}; }

std::string Inline::describe() const {
  return "move the documents that " + listed(fields) + " name back from the collection " + collection;
}

}  // namespace fm::ops
