#include "backup/definition.h"

namespace fm::dump {

using bson::Document;

Definition read_definition(const Document& metadata) {
  Definition out;
  if (const auto* options = metadata.find("options"); options && options->as<Document>()) {
    out.options = *options->as<Document>();
  }
  const auto* indexes = metadata.find("indexes");
  const auto* list = indexes ? indexes->as<bson::Array>() : nullptr;
  for (std::size_t i = 0; list && i < list->size(); ++i) {
    const auto* index = (*list)[i].as<Document>();
    const auto* name = index ? index->find("name") : nullptr;
    const auto* text = name ? name->as<std::string>() : nullptr;
    // Made with the collection.
    const auto* clustered = index ? index->find("clustered") : nullptr;
    if (!index || (text && *text == "_id_") || (clustered && clustered->truthy())) continue;
    out.indexes.push_back(*index);
    // Servers do not list that of an index without one, and would give it the collection's.
    if (out.options.has("collation") && !index->has("collation")) {
      out.indexes.back().append("collation", Document{{"locale", "simple"}});
    }
  }
  return out;
}

}  // namespace fm::dump
