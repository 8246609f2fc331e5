#include "ops/template.h"

#include "bson/path.h"
#include "ops/server_form.h"

namespace fm::ops {

namespace {

std::string value_text(const std::string& name, const bson::Document& doc, const Context& context) {
  if (name == "dataset") return context.dataset_name;
  if (name == "@key") return context.element_key;
  const auto bar = name.find('|');
  const auto* value = bson::Path(name.substr(0, bar)).find(doc);
  if (!value) return bar == std::string::npos ? "None" : name.substr(bar + 1);
  if (value->is_null()) return "None";
  const auto* text = value->as<std::string>();
  return text ? *text : shown(*value);
}

}  // namespace

std::string fill_template(const std::string& text, const bson::Document& doc, const Context& context) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto close = text[i] == '{' ? text.find('}', i) : std::string::npos;
    if (close == std::string::npos) {
      out += text[i++];
      continue;
    }
    out += value_text(text.substr(i + 1, close - i - 1), doc, context);
    i = close + 1;
  }
  return out;
}

}  // namespace fm::ops
