#include "media/leaves.h"

#include "ops/server_form.h"

namespace fm::media {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

// `rest` is what is left of the path below `value`; V is Value or const Value.
template <class V, class Visit>
void walk(V& value, std::string_view rest, const Visit& visit);

template <class D, class Visit>
void step(D& doc, std::string_view rest, const Visit& visit) {
  const auto dot = rest.find('.');
  auto* next = doc.find(rest.substr(0, dot));
  if (next) walk(*next, dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1), visit);
}

template <class V, class Visit>
void walk_one(V& value, std::string_view rest, const Visit& visit) {
  if (!rest.empty()) {
    if (auto* doc = value.template as<Document>()) step(*doc, rest, visit);
  } else if (value.template as<std::string>()) {
    visit(value);
  }
}

template <class V, class Visit>
void walk(V& value, std::string_view rest, const Visit& visit) {
  auto* list = value.template as<Array>();
  if (!list) return walk_one(value, rest, visit);
  for (std::size_t i = 0; i < list->size(); ++i) walk_one((*list)[i], rest, visit);
}

using Leaf = std::function<Value(const Value&)>;

// Names of variables have to differ from level to level.
std::string variable(const char* letter, int level) { return letter + std::to_string(level); }

Value condition(Value when, Value yes, Value no) {
  return Document{{"$cond", Array{std::move(when), std::move(yes), std::move(no)}}};
}

Value has_type(const Value& value, const char* type) {
  return Document{{"$eq", Array{Document{{"$type", value}}, type}}};
}

Value level(const Value& input, std::string_view rest, const Leaf& leaf, int depth) {
  const auto item = variable("x", depth);
  const Value here = "$$" + item;
  Value inner;
  if (rest.empty()) {
    inner = condition(has_type(here, "string"), leaf(here), here);
  } else {
    const auto dot = rest.find('.');
    const std::string key(rest.substr(0, dot));
    const Value child = "$$" + item + "." + key;
    const auto below = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
    const Value present = Document{
        {"$and", Array{has_type(here, "object"), Document{{"$ne", Array{Document{{"$type", child}}, "missing"}}}}}};
    inner = condition(
        present, Document{{"$mergeObjects", Array{here, Document{{key, level(child, below, leaf, depth + 1)}}}}}, here);
  }
  // One form for a list and for a single value: the expression would double at
  // each level otherwise.
  const auto all = variable("a", depth);
  const auto done = variable("r", depth);
  const Value whole = "$$" + all;
  const Value is_list = Document{{"$isArray", whole}};
  const Value mapped = Document{
      {"$map", Document{{"input", condition(is_list, whole, Array{whole})}, {"as", item}, {"in", std::move(inner)}}}};
  const Value result = condition(is_list, "$$" + done, Document{{"$arrayElemAt", Array{"$$" + done, std::int32_t{0}}}});
  return Document{
      {"$let", Document{{"vars", Document{{all, input}}},
                        {"in", Document{{"$let", Document{{"vars", Document{{done, mapped}}}, {"in", result}}}}}}}};
}

}  // namespace

std::string top_of(std::string_view path) { return std::string(path.substr(0, path.find('.'))); }

std::vector<std::string> texts_at(const Document& doc, std::string_view path) {
  std::vector<std::string> out;
  step(doc, path, [&](const Value& value) { out.push_back(*value.as<std::string>()); });
  return out;
}

std::size_t change_texts(Document& doc, std::string_view path,
                         const std::function<std::optional<std::string>(const std::string&, std::size_t)>& change) {
  std::size_t number = 0;
  std::size_t changed = 0;
  step(doc, path, [&](Value& value) {
    auto text = change(*value.as<std::string>(), number++);
    if (!text || *text == *value.as<std::string>()) return;
    value = Value(std::move(*text));
    ++changed;
  });
  return changed;
}

Value with_texts(std::string_view path, const Leaf& leaf) {
  const auto top = top_of(path);
  const Value field = "$" + top;
  const auto rest = path.size() > top.size() ? path.substr(top.size() + 1) : std::string_view();
  return condition(has_type(field, "missing"), "$$REMOVE", level(field, rest, leaf, 0));
}

}  // namespace fm::media
