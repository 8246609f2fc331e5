#include "exec/service_duplicates.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "bson/path.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr std::size_t kClashesShown = 3;

// To an index 1, 1.0 and NumberLong(1) are one.
std::string encoded(const Value& value) {
  const auto integer = value.integer();
  const auto bytes = bson::encode(Document{{"", integer ? Value(*integer) : value}});
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// What the document puts into the index under one of its keys: a list puts each
// of its elements.
std::set<std::string> entries_of(const Document& document, const std::string& key) {
  const auto* value = bson::Path(key).find(document);
  if (!value) return {encoded(Value())};
  const auto* list = value->as<Array>();
  if (!list) return {encoded(*value)};
  if (list->empty()) return {"[]"};
  std::set<std::string> out;
  for (const auto& item : *list) out.insert(encoded(item));
  return out;
}

}  // namespace

ServiceDuplicates::ServiceDuplicates(std::vector<ServiceIndex> indexes) {
  for (auto& index : indexes) {
    collections_.insert(index.collection);
    ServiceDuplicate found{index.collection, index.index.name(), "", 0, {}};
    for (const auto& [key, order] : index.index.keys) found.keys += (found.keys.empty() ? "" : ", ") + key;
    indexes_.push_back({std::move(index), {}, std::move(found)});
  }
}

void ServiceDuplicates::add(const std::string& collection, const Document& document, const std::string& name) {
  for (auto& [index, first, found] : indexes_) {
    // The index holds documents that have its first key (ops/index.h).
    if (index.collection != collection || !bson::Path(index.index.keys[0].key).find(document)) continue;
    std::vector<std::string> entries{""};
    for (const auto& [key, order] : index.index.keys) {
      std::vector<std::string> longer;
      for (const auto& entry : entries_of(document, key)) {
        for (const auto& start : entries) longer.push_back(start + entry);
      }
      entries = std::move(longer);
    }
    const std::string* other = nullptr;
    for (auto& entry : entries) {
      const auto [at, added] = first.emplace(std::move(entry), name);
      if (!added) other = &at->second;
    }
    if (!other) continue;
    ++found.documents;
    if (found.examples.size() < kClashesShown) found.examples.push_back(fmt::format("{} and {}", *other, name));
  }
}

std::vector<ServiceDuplicate> ServiceDuplicates::take() && {
  std::vector<ServiceDuplicate> out;
  for (auto& one : indexes_) {
    if (one.found.documents > 0) out.push_back(std::move(one.found));
  }
  return out;
}

}  // namespace fm
