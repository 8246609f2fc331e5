#include "ops/arguments.h"

#include <algorithm>

#include "base/error.h"

namespace fm::ops {

using bson::Value;

void Arguments::fail(const std::string& what) const { throw Error(Exit::kUsage, operation_ + ": " + what); }

const Value* Arguments::optional_value(const char* name) {
  used_.emplace_back(name);
  return values_.find(name);
}

const Value& Arguments::value(const char* name) {
  const auto* found = optional_value(name);
  if (!found) fail(std::string("argument '") + name + "' is missing");
  return *found;
}

std::optional<std::string> Arguments::optional_text(const char* name) {
  const auto* found = optional_value(name);
  if (!found) return std::nullopt;
  const auto* text = found->as<std::string>();
  if (!text) fail(std::string("argument '") + name + "' must be a string");
  return *text;
}

std::string Arguments::text(const char* name) {
  value(name);
  return *optional_text(name);
}

bson::Path Arguments::path(const char* name) {
  const auto dotted = text(name);
  if (dotted.empty()) fail(std::string("argument '") + name + "' is empty");
  return bson::Path(dotted);
}

std::vector<std::string> Arguments::texts(const char* name) {
  const auto& found = value(name);
  if (const auto* one = found.as<std::string>()) return {*one};
  const auto* list = found.as<bson::Array>();
  std::vector<std::string> out;
  if (list) {
    for (const auto& item : *list) {
      if (const auto* text = item.as<std::string>()) out.push_back(*text);
    }
  }
  if (!list || out.size() != list->size() || out.empty()) {
    fail(std::string("argument '") + name + "' must be a string or a list of strings");
  }
  return out;
}

bool Arguments::flag(const char* name, bool fallback) {
  const auto* found = optional_value(name);
  if (!found) return fallback;
  const auto* flag = found->as<bool>();
  if (!flag) fail(std::string("argument '") + name + "' must be true or false");
  return *flag;
}

std::optional<std::int64_t> Arguments::optional_integer(const char* name) {
  const auto* found = optional_value(name);
  if (!found) return std::nullopt;
  const auto number = found->integer();
  if (!number) fail(std::string("argument '") + name + "' must be an integer");
  return number;
}

const bson::Document* Arguments::optional_document(const char* name) {
  const auto* found = optional_value(name);
  if (!found) return nullptr;
  const auto* doc = found->as<bson::Document>();
  if (!doc) fail(std::string("argument '") + name + "' must be a mapping");
  return doc;
}

const bson::Array* Arguments::optional_array(const char* name) {
  const auto* found = optional_value(name);
  if (!found) return nullptr;
  const auto* array = found->as<bson::Array>();
  if (!array) fail(std::string("argument '") + name + "' must be a list");
  return array;
}

void Arguments::finish() const {
  for (const auto& element : values_) {
    if (std::find(used_.begin(), used_.end(), element.key) == used_.end()) {
      fail("unknown argument '" + element.key + "'");
    }
  }
}

}  // namespace fm::ops
