#include "ops/server_form.h"

#include "bson/json.h"

namespace fm::ops {

using bson::Array;
using bson::Document;
using bson::Value;

Document differs(const bson::Path& path, const Value& value) {
  return {{"$expr", expression("$or", Array{expression("$ne", Array{field_path(path), literal(value)}),
                                            expression("$ne", Array{expression("$type", field_path(path)),
                                                                    value.type_name()})})}};
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
