#include "exec/service_duplicates.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "bson/json.h"
#include "bson/path.h"
#include "bson/read.h"

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

// "robot (_id 5f...)"
std::string with_id(const Document& document, const std::string& name) {
  const auto& id = *document.find("_id");
  const auto* oid = id.as<bson::Oid>();
  const auto* text = id.as<std::string>();
  const auto shown = oid ? oid->hex() : text ? *text : bson::to_relaxed_json(Document{{"_id", id}});
  constexpr std::size_t kCells = 40;
  return fmt::format("{} (_id {})", one_line(name, kCells), one_line(shown, kCells));
}

}  // namespace

UniqueIndex to_be_made(const ServiceIndex& index) {
  UniqueIndex out{index.collection, index.index.name(), {}, {}, false, false};
  for (const auto& [key, order] : index.index.keys) out.keys.push_back(key);
  out.needs = {out.keys.front()};  // ops/index.h
  return out;
}

std::optional<UniqueIndex> judged(const std::string& collection, const Document& index) {
  const auto is_on = [&](const char* key) {
    const auto* value = index.find(key);
    return value && value->truthy();
  };
  const auto* keys = index.find("key");
  if (!is_on("unique") || index.has("collation") || !keys || !keys->as<Document>()) return std::nullopt;
  UniqueIndex out{collection, bson::text_at(index, "name"), {}, {}, is_on("sparse"), true};
  for (const auto& [key, order] : *keys->as<Document>()) {
    if (!order.integer()) return std::nullopt;
    out.keys.push_back(key);
  }
  const auto* partial = index.find("partialFilterExpression");
  const auto* conditions = partial ? partial->as<Document>() : nullptr;
  for (std::size_t i = 0; conditions && i < conditions->size(); ++i) {
    const auto& [key, condition] = *(conditions->begin() + static_cast<std::ptrdiff_t>(i));
    const auto* exists = condition.as<Document>() ? condition.as<Document>()->find("$exists") : nullptr;
    if (!exists || !exists->truthy() || condition.as<Document>()->size() != 1) return std::nullopt;
    out.needs.push_back(key);
  }
  return out;
}

ServiceDuplicates::ServiceDuplicates(std::vector<UniqueIndex> indexes) {
  for (auto& index : indexes) {
    collections_.insert(index.collection);
    ServiceDuplicate found{index.collection, index.name, fmt::format("{}", fmt::join(index.keys, ", ")),
                           index.there,      0,          {}};
    indexes_.push_back({std::move(index), {}, std::move(found)});
  }
}

void ServiceDuplicates::add(const std::string& collection, const Document& document, const std::string& name,
                            bool changed) {
  const auto has = [&](const std::string& key) { return bson::Path(key).find(document) != nullptr; };
  for (auto& [index, first, found] : indexes_) {
    if (index.collection != collection || !std::ranges::all_of(index.needs, has)) continue;
    if (index.sparse && std::ranges::none_of(index.keys, has)) continue;
    const auto is_list = [&](const std::string& key) {
      const auto* value = bson::Path(key).find(document);
      return value && value->as<Array>();
    };
    if (!index.there && std::ranges::count_if(index.keys, is_list) > 1) {
      throw Error(Exit::kPrecondition,
                  fmt::format("The index {} cannot be made: {} of {} has lists under more than one of its keys ({})",
                              index.name, with_id(document, name), collection, found.keys),
                  "Change or remove that document first; nothing was written.");
    }
    std::vector<std::string> entries{""};
    for (const auto& key : index.keys) {
      std::vector<std::string> longer;
      for (const auto& entry : entries_of(document, key)) {
        for (const auto& start : entries) longer.push_back(start + entry);
      }
      entries = std::move(longer);
    }
    // Where equal values are looked for the names may be equal, too.
    const auto shown = index.there ? with_id(document, name) : name;
    const First* other = nullptr;
    for (auto& entry : entries) {
      const auto [at, added] = first.emplace(std::move(entry), First{shown, changed});
      if (!added && (!index.there || changed || at->second.changed)) other = &at->second;
    }
    if (!other) continue;
    ++found.documents;
    if (found.examples.size() < kClashesShown) found.examples.push_back(fmt::format("{} and {}", other->name, shown));
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
