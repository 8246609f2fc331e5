#include "ops/server_form.h"

#include <algorithm>
#include <cmath>

#include "bson/json.h"

namespace fm::ops {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

bool is_number(const Value& value) {
  return value.as<std::int32_t>() || value.as<std::int64_t>() || value.as<double>();
}

}  // namespace

bool comparable(const Value& value) {
  const auto inside = [](const Value& item) { return !is_number(item) && comparable(item); };
  if (const auto* list = value.as<Array>()) return std::all_of(list->begin(), list->end(), inside);
  if (const auto* doc = value.as<Document>()) {
    return std::all_of(doc->begin(), doc->end(), [&](const auto& element) { return inside(element.value); });
  }
  if (const auto* number = value.as<double>()) return *number != 0 && !std::isnan(*number);
  return !value.as<bson::Raw>();
}

Value same(const bson::Path& path, const Value& value) {
  return expression("$and", Array{expression("$eq", Array{expression("$type", field_path(path)), value.type_name()}),
                                  expression("$eq", Array{field_path(path), literal(value)})});
}

Document differs(const bson::Path& path, const Value& value) {
  return {{"$expr", expression("$not", same(path, value))}};
}

std::string shown(const Value& value) {
  constexpr std::size_t kLongest = 60;
  std::string json = bson::to_relaxed_json(Document{{"v", value}});
  const auto start = json.find(':');
  json = json.substr(start + 2, json.size() - start - 4);
  if (json.size() > kLongest) json = json.substr(0, kLongest - 3) + "...";
  return json;
}

std::string listed(const std::vector<bson::Path>& paths) {
  std::vector<std::string> words;
  for (const auto& path : paths) words.push_back(path.str());
  return listed(words);
}

std::string listed(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) {
    if (!out.empty()) out += ", ";
    out += word;
  }
  return out;
}

}  // namespace fm::ops
