#include "ops/extract.h"

#include "ops/operation.h"
#include "ops/server_form.h"

namespace fm::ops {

using bson::Document;

Extract Extract::parse(Arguments& arguments) {
  Extract out;
  for (const auto& field : arguments.texts("fields")) out.fields.emplace_back(field);
  out.collection = arguments.text("into");
  out.owner = arguments.text("owner");
  return out;
}

void Extract::apply(Document& doc, Context& context) const {
  for (const auto& field : fields) {
    auto* value = field.find(doc);
    auto* mapping = value ? value->as<Document>() : nullptr;
    if (!mapping) continue;
    for (auto& [key, element] : *mapping) {
      auto* embedded = element.as<Document>();
      if (!embedded) continue;
      const auto id = context.make_id(field.str() + "." + key);
      embedded->take("_id");
      embedded->set(owner, context.dataset_id);
      embedded->insert(0, "_id", id);
      context.references.add(collection, id, std::move(*embedded));
      element = id;
    }
  }
}

std::optional<Lowered> Extract::lower(const Bindings&) const { return std::nullopt; }

std::optional<Steps> Extract::inverse() const { return Steps{Step{Inline{fields, collection, owner}, {}, {}, 0}}; }

std::string Extract::describe() const {
  return "move the documents in " + listed(fields) + " into the collection " + collection;
}

}  // namespace fm::ops
