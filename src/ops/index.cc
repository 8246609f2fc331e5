#include "ops/index.h"

#include "ops/operation.h"

namespace fm::ops {

using bson::Document;

Index Index::parse(Arguments& arguments) {
  Index out;
  arguments.value("keys");
  out.keys = *arguments.optional_document("keys");
  if (out.keys.empty()) arguments.fail("'keys' is empty");
  for (const auto& [key, order] : out.keys) {
    const auto number = order.integer();
    if (key.empty() || !number || (*number != 1 && *number != -1)) {
      arguments.fail("'keys' maps each key to 1 or -1");
    }
  }
  out.unique = arguments.flag("unique");
  out.drop = arguments.flag("drop");
  out.given_name = arguments.optional_text("name").value_or("");
  return out;
}

std::optional<Steps> Index::inverse() const { return Steps{Step{Index{keys, unique, !drop, given_name}, {}, {}, 0}}; }

std::string Index::name() const {
  if (!given_name.empty()) return given_name;
  std::string out;
  for (const auto& [key, order] : keys) {
    out += (out.empty() ? "" : "_") + key + "_" + std::to_string(order.integer().value_or(1));
  }
  return unique ? out + "_where_present" : out;
}

Document Index::definition() const {
  Document out{{"key", keys}, {"name", name()}};
  if (unique) {
    out.append("unique", true);
    out.append("partialFilterExpression", Document{{keys[0].key, Document{{"$exists", true}}}});
  }
  return out;
}

std::string Index::describe() const {
  std::string out = std::string(drop ? "drop" : "make") + " the " + (unique ? "unique " : "") + "index on ";
  for (std::size_t i = 0; i < keys.size(); ++i) out += (i > 0 ? ", " : "") + keys[i].key;
  return out;
}

}  // namespace fm::ops
