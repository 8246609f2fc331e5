#include "ops/predicate.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "ops/server_form.h"

namespace fm::ops {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

// A pattern that matches the text literally.
std::string quoted_pattern(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

const std::string& text_of(const Value& value, const std::string& condition) {
  const auto* text = value.as<std::string>();
  if (!text) throw Error(Exit::kUsage, "condition '" + condition + "' needs a string");
  return *text;
}

// As the server's "suffix$": a final line feed is not looked at, and of a list
// any element counts.
bool ends_with(const Value* value, const std::string& suffix) {
  const auto matches = [&](const Value& one) {
    const auto* text = one.as<std::string>();
    return text && (text->ends_with(suffix) || text->ends_with(suffix + "\n"));
  };
  const auto* list = value ? value->as<Array>() : nullptr;
  if (list) return std::any_of(list->begin(), list->end(), matches);
  return value && matches(*value);
}

bool any_element(const Value* list, const Predicate& predicate) {
  const auto* array = list ? list->as<Array>() : nullptr;
  if (!array) return false;
  return std::any_of(array->begin(), array->end(), [&](const Value& item) {
    const auto* doc = item.as<Document>();
    return doc && predicate.matches(*doc);
  });
}

}  // namespace

Predicate Predicate::parse(const Document& where) {
  Predicate out;
  for (const auto& [key, value] : where) {
    if (key == "any") {
      Term term{Kind::kAny, {}, {}, {}};
      const auto* list = value.as<Array>();
      if (!list) throw Error(Exit::kUsage, "condition 'any' needs a list");
      for (const auto& item : *list) {
        const auto* doc = item.as<Document>();
        if (!doc) throw Error(Exit::kUsage, "condition 'any' needs a list of mappings");
        term.nested.push_back(parse(*doc));
      }
      out.terms_.push_back(std::move(term));
      continue;
    }
    const bson::Path path(key);
    if (const auto* conditions = value.as<Document>()) {
      for (const auto& [name, argument] : *conditions) out.terms_.push_back(parse_condition(path, name, argument));
    } else {
      out.terms_.push_back({Kind::kEqual, path, value, {}});
    }
  }
  return out;
}

Predicate::Term Predicate::parse_condition(const bson::Path& path, const std::string& name, const Value& value) {
  static constexpr std::array<std::pair<std::string_view, Kind>, 11> kKinds = {{
      {"not", Kind::kNot},
      {"in", Kind::kIn},
      {"not_in", Kind::kNotIn},
      {"exists", Kind::kExists},
      {"null", Kind::kNull},
      {"truthy", Kind::kTruthy},
      {"type", Kind::kType},
      {"starts_with", Kind::kStartsWith},
      {"ends_with", Kind::kEndsWith},
      {"has", Kind::kHas},
      {"lacks", Kind::kLacks},
  }};
  const auto found = std::find_if(kKinds.begin(), kKinds.end(), [&](const auto& k) { return k.first == name; });
  if (found == kKinds.end()) throw Error(Exit::kUsage, "unknown condition '" + name + "' on '" + path.str() + "'");
  Term term{found->second, path, value, {}};
  switch (term.kind) {
    case Kind::kHas:
    case Kind::kLacks: {
      const auto* doc = value.as<Document>();
      if (!doc) throw Error(Exit::kUsage, "condition '" + name + "' needs a mapping");
      term.nested.push_back(parse(*doc));
      break;
    }
    case Kind::kExists:
    case Kind::kNull:
    case Kind::kTruthy:
      if (!value.as<bool>()) throw Error(Exit::kUsage, "condition '" + name + "' needs true or false");
      break;
    case Kind::kIn:
    case Kind::kNotIn:
      if (!value.as<Array>()) throw Error(Exit::kUsage, "condition '" + name + "' needs a list");
      break;
    case Kind::kType:
    case Kind::kStartsWith:
    case Kind::kEndsWith:
      text_of(value, name);
      break;
    default:
      break;
  }
  return term;
}

bool Predicate::matches(const Document& doc) const {
  return std::all_of(terms_.begin(), terms_.end(), [&](const Term& term) { return holds(term, doc); });
}

bool Predicate::holds(const Term& term, const Document& doc) {
  if (term.kind == Kind::kAny) {
    return std::any_of(term.nested.begin(), term.nested.end(), [&](const Predicate& p) { return p.matches(doc); });
  }
  const Value* value = term.path.find(doc);
  const auto* text = value ? value->as<std::string>() : nullptr;
  switch (term.kind) {
    case Kind::kEqual:
      return value && *value == term.value;
    case Kind::kNot:
      return !value || !(*value == term.value);
    case Kind::kIn: {
      const auto& list = *term.value.as<Array>();
      return value && std::find(list.begin(), list.end(), *value) != list.end();
    }
    case Kind::kNotIn: {
      const auto& list = *term.value.as<Array>();
      return !value || std::find(list.begin(), list.end(), *value) == list.end();
    }
    case Kind::kExists:
      return (value != nullptr) == *term.value.as<bool>();
    case Kind::kNull:
      return (!value || value->is_null()) == *term.value.as<bool>();
    case Kind::kTruthy:
      return (value && value->truthy()) == *term.value.as<bool>();
    case Kind::kType:
      return value && *term.value.as<std::string>() == value->type_name();
    case Kind::kStartsWith:
      return text && text->starts_with(*term.value.as<std::string>());
    case Kind::kEndsWith:
      return ends_with(value, *term.value.as<std::string>());
    case Kind::kHas:
      return any_element(value, term.nested.front());
    case Kind::kLacks:
      return !any_element(value, term.nested.front());
    case Kind::kAny:
      break;
  }
  return false;
}

std::optional<Document> Predicate::query() const {
  Array all;
  for (const auto& term : terms_) {
    auto one = query_of(term);
    if (!one) return std::nullopt;
    all.append(std::move(*one));
  }
  if (all.empty()) return Document{};
  if (all.size() == 1) return *all[0].as<Document>();
  return Document{{"$and", std::move(all)}};
}

namespace {

// In process, a path steps into no list; the server looks at every element.
Document outside_lists(const bson::Path& path, Document condition) {
  Array all;
  std::string prefix;
  for (std::size_t i = 0; i + 1 < path.parts().size(); ++i) {
    prefix += (i > 0 ? "." : "") + path.parts()[i];
    all.append(Document{{prefix, Document{{"$not", Document{{"$type", "array"}}}}}});
  }
  if (all.empty()) return condition;
  all.append(std::move(condition));
  return {{"$and", std::move(all)}};
}

Document opposite(Document condition) { return {{"$nor", Array{std::move(condition)}}}; }

Document type_in(const bson::Path& path, Array types) {
  const Value type = expression("$type", field_path(path));
  return outside_lists(path, {{"$expr", expression("$in", Array{type, std::move(types)})}});
}

// The plain condition is for indexes.
std::optional<Document> equal(const bson::Path& path, const Value& value) {
  if (!comparable(value)) return std::nullopt;
  if (value.is_null()) return type_in(path, Array{"null"});
  return outside_lists(path, {{path.str(), Document{{"$eq", value}}}, {"$expr", same(path, value)}});
}

std::optional<Document> equal_to_any(const bson::Path& path, const Array& values) {
  Array any;
  for (const auto& value : values) {
    auto one = equal(path, value);
    if (!one) return std::nullopt;
    any.append(std::move(*one));
  }
  if (any.empty()) return opposite({});
  return Document{{"$or", std::move(any)}};
}

std::optional<Document> unless(std::optional<Document> condition) {
  if (condition) condition = opposite(std::move(*condition));
  return condition;
}

}  // namespace

std::optional<Document> Predicate::query_of(const Term& term) {
  const std::string path = term.path.str();
  switch (term.kind) {
    case Kind::kEqual:
      return equal(term.path, term.value);
    case Kind::kNot:
      return unless(equal(term.path, term.value));
    case Kind::kIn:
      return equal_to_any(term.path, *term.value.as<Array>());
    case Kind::kNotIn:
      return unless(equal_to_any(term.path, *term.value.as<Array>()));
    case Kind::kExists: {
      auto exists = outside_lists(term.path, {{path, Document{{"$exists", true}}}});
      return *term.value.as<bool>() ? exists : opposite(std::move(exists));
    }
    case Kind::kNull: {
      auto there = outside_lists(term.path, opposite(type_in(term.path, Array{"missing", "null"})));
      return *term.value.as<bool>() ? opposite(std::move(there)) : there;
    }
    case Kind::kType:
      return type_in(term.path, Array{term.value});
    case Kind::kStartsWith:
      return outside_lists(term.path, {{path, Document{{"$regex", "^" + quoted_pattern(*term.value.as<std::string>())},
                                                       {"$type", "string"},
                                                       {"$not", Document{{"$type", "array"}}}}}});
    case Kind::kEndsWith: {
      const auto pattern = quoted_pattern(*term.value.as<std::string>()) + "$";
      return outside_lists(term.path, {{path, Document{{"$regex", pattern}}}});
    }
    case Kind::kAny: {
      Array any;
      for (const auto& predicate : term.nested) {
        auto one = predicate.query();
        if (!one) return std::nullopt;
        any.append(std::move(*one));
      }
      return Document{{"$or", std::move(any)}};
    }
    default:
      return std::nullopt;
  }
}

std::vector<std::string> Predicate::reads() const {
  std::vector<std::string> out;
  for (const auto& term : terms_) {
    if (term.kind == Kind::kAny) {
      for (const auto& nested : term.nested) {
        for (auto& key : nested.reads()) out.push_back(std::move(key));
      }
    } else {
      out.push_back(term.path.top());
    }
  }
  return out;
}

}  // namespace fm::ops
