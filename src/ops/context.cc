#include "ops/context.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"

namespace fm::ops {

using bson::Document;
using bson::Value;

namespace {

std::string index_key(const std::string& collection, const Value& id) {
  const auto encoded = bson::encode(Document{{collection, id}});
  return {reinterpret_cast<const char*>(encoded.data()), encoded.size()};
}

}  // namespace

References::Entry& References::entry(const std::string& collection, const Value& id) {
  const auto [found, inserted] = index_.try_emplace(index_key(collection, id), entries_.size());
  if (inserted) {
    auto before = fetch_ ? fetch_(collection, id) : std::nullopt;
    auto after = before;
    entries_.push_back({collection, id, std::move(before), std::move(after)});
  }
  return entries_[found->second];
}

const Document* References::find(const std::string& collection, const Value& id) {
  const auto& found = entry(collection, id);
  return found.after ? &*found.after : nullptr;
}

void References::add(const std::string& collection, const Value& id, Document doc) {
  index_.insert_or_assign(index_key(collection, id), entries_.size());
  entries_.push_back({collection, id, std::nullopt, std::move(doc)});
}

void References::replace(const std::string& collection, const Value& id, Document doc) {
  entry(collection, id).after = std::move(doc);
}

void References::remove(const std::string& collection, const Value& id) { entry(collection, id).after.reset(); }

bson::Oid IdGenerator::make(std::string_view service, const Value& dataset, std::string_view revision,
                            std::string_view path, std::size_t ordinal) const {
  const auto identity = bson::encode(Document{{"seed", seed_},
                                              {"service", service},
                                              {"dataset", dataset},
                                              {"revision", revision},
                                              {"path", path},
                                              {"ordinal", static_cast<std::int64_t>(ordinal)}});
  const auto digest = sha256(std::string_view(reinterpret_cast<const char*>(identity.data()), identity.size()));
  bson::Oid id;
  const auto seconds = static_cast<std::uint32_t>(now_ms_ / 1000);
  for (int i = 0; i < 4; ++i) id.bytes[i] = static_cast<std::uint8_t>(seconds >> (24 - 8 * i));
  std::memcpy(id.bytes + 4, digest.data(), 8);
  return id;
}

bson::Oid Context::make_id(std::string_view path) {
  std::string full = prefix_.empty() ? std::string(path) : prefix_ + "." + std::string(path);
  const std::string key = revision + "/" + full;
  auto found = std::find_if(ordinals_.begin(), ordinals_.end(), [&](const auto& o) { return o.first == key; });
  if (found == ordinals_.end()) {
    ordinals_.emplace_back(key, 0);
    found = std::prev(ordinals_.end());
  }
  return ids_->make(service, dataset_id, revision, full, found->second++);
}

void Context::displace(const bson::Path& path, Value before, const Value* left, std::string_view preceding_key,
                       const Value* restored) {
  if (!record_displaced) return;
  std::string full = prefix_.empty() ? path.str() : prefix_ + "." + path.str();
  const bool lost = before.truthy() && !(restored && *restored == before) && !(left && *left == before);
  displaced.push_back({revision, std::move(full), std::move(before), left ? std::optional<Value>(*left) : std::nullopt,
                       std::string(preceding_key), lost});
}

Context::Scope::Scope(Context& context, std::string_view part) : context_(context), size_(context.prefix_.size()) {
  if (!context_.prefix_.empty()) context_.prefix_ += '.';
  context_.prefix_ += part;
}

Context::Scope::~Scope() { context_.prefix_.resize(size_); }

namespace {

std::string_view key_before(const Document& doc, std::size_t index) {
  return index == 0 ? std::string_view() : std::string_view(doc[index - 1].key);
}

}  // namespace

void put(Document& doc, const bson::Path& path, Value value, Context& context, const Value* restored) {
  Document* parent = path.parent(doc);
  if (!parent) return;
  const std::size_t index = parent->index_of(path.leaf());
  if (index < parent->size()) {
    Value& slot = (*parent)[index].value;
    if (slot == value) return;
    Value before = std::move(slot);
    slot = std::move(value);
    context.displace(path, std::move(before), &slot, key_before(*parent, index), restored);
  } else {
    parent->append(path.leaf(), std::move(value));
  }
}

std::optional<Value> take(Document& doc, const bson::Path& path) {
  Document* parent = path.parent(doc);
  return parent ? parent->take(path.leaf()) : std::nullopt;
}

void remove(Document& doc, const bson::Path& path, Context& context, const Value* restored) {
  Document* parent = path.parent(doc);
  if (!parent) return;
  const std::size_t index = parent->index_of(path.leaf());
  if (index >= parent->size()) return;
  Value before = std::move((*parent)[index].value);
  parent->erase(index);
  context.displace(path, std::move(before), nullptr, key_before(*parent, index), restored);
}

}  // namespace fm::ops
