#include "bson/merge.h"

#include <algorithm>
#include <array>
#include <unordered_map>

namespace fm::bson {

namespace {

// A document or a list, by key.
struct Keyed {
  struct Entry {
    std::string key;
    const Value* value;
  };
  std::vector<Entry> entries;
  std::unordered_map<std::string, std::size_t> index;

  bool add(std::string key, const Value& value) {
    if (!index.emplace(key, entries.size()).second) return false;
    entries.push_back({std::move(key), &value});
    return true;
  }
  const Value* find(const std::string& key) const {
    const auto found = index.find(key);
    return found == index.end() ? nullptr : entries[found->second].value;
  }
};

std::optional<std::string> word(const Value& value) {
  if (const auto* text = value.as<std::string>()) return *text;
  if (const auto* id = value.as<Oid>()) return id->hex();
  return std::nullopt;
}

// Nothing when a key comes twice.
std::optional<Keyed> keyed(const Document& document) {
  Keyed out;
  for (const auto& [key, value] : document) {
    if (!out.add(key, value)) return std::nullopt;
  }
  return out;
}

// By one key of the elements, or by the elements themselves where `by` is empty.
std::optional<Keyed> keyed(const Array& list, std::string_view by) {
  Keyed out;
  for (const auto& item : list) {
    const auto* element = item.as<Document>();
    const auto* name = by.empty() ? &item : element ? element->find(by) : nullptr;
    auto key = name ? word(*name) : std::nullopt;
    if (!key || !out.add(std::move(*key), item)) return std::nullopt;
  }
  return out;
}

class Merger {
 public:
  explicit Merger(const MergeRule& rule) : rule_(rule) {}

  std::vector<std::string> conflicts;

  std::optional<Value> merge(const Value* base, const Value* mine, const Value* theirs, const std::string& path,
                             int depth) {
    const auto value_of = [](const Value* value) { return value ? std::optional<Value>(*value) : std::nullopt; };
    const auto same = [](const Value* a, const Value* b) { return a && b ? *a == *b : a == b; };
    // With a rule, leaves that look the same may not be.
    const bool containers = mine && theirs && base && is_container(*mine) && is_container(*theirs);
    if (!rule_ || !containers) {
      if (rule_) {
        if (auto decided = rule_(base, mine, theirs)) return decided;
      }
      if (same(mine, theirs) || same(base, theirs)) return value_of(mine);
      if (same(mine, base)) return value_of(theirs);
    }
    if (mine && theirs && (base || depth == 1)) {
      if (auto merged = containers_of(base, *mine, *theirs, path, depth)) return merged;
    }
    if (same(mine, theirs) || same(base, theirs)) return value_of(mine);
    if (same(mine, base)) return value_of(theirs);
    conflicts.push_back(path);
    return value_of(mine);
  }

 private:
  static bool is_container(const Value& value) { return value.as<Document>() || value.as<Array>(); }

  std::optional<Value> containers_of(const Value* base, const Value& mine, const Value& theirs, const std::string& path,
                                     int depth) {
    if (const auto* a = mine.as<Document>()) {
      const auto* b = theirs.as<Document>();
      const auto* o = base ? base->as<Document>() : nullptr;
      if (!b || (base && !o)) return std::nullopt;
      const auto in_mine = keyed(*a);
      const auto in_theirs = keyed(*b);
      const auto in_base = o ? keyed(*o) : Keyed{};
      if (!in_mine || !in_theirs || !in_base) return std::nullopt;
      Document out;
      for (auto& [key, value] : entries(*in_base, *in_mine, *in_theirs, path, depth)) {
        out.append(std::move(key), std::move(value));
      }
      return out;
    }
    const auto* a = mine.as<Array>();
    const auto* b = theirs.as<Array>();
    const auto* o = base ? base->as<Array>() : nullptr;
    if (!a || !b || (base && !o)) return std::nullopt;
    for (const char* by : std::array{"name", "key", "_id", ""}) {
      const auto in_mine = keyed(*a, by);
      const auto in_theirs = in_mine ? keyed(*b, by) : std::nullopt;
      const auto in_base = !in_theirs ? std::nullopt : o ? keyed(*o, by) : Keyed{};
      if (!in_base) continue;
      Array out;
      for (auto& entry : entries(*in_base, *in_mine, *in_theirs, path, depth)) out.append(std::move(entry.second));
      return out;
    }
    return std::nullopt;
  }

  // In the order of `theirs`; what only `mine` has stands behind what it stood
  // behind there.
  std::vector<std::pair<std::string, Value>> entries(const Keyed& base, const Keyed& mine, const Keyed& theirs,
                                                     const std::string& path, int depth) {
    std::vector<std::pair<std::string, Value>> out;
    const auto below = [&](const std::string& key) { return path.empty() ? key : path + "." + key; };
    for (const auto& [key, value] : theirs.entries) {
      auto merged = merge(base.find(key), mine.find(key), value, below(key), depth + 1);
      if (merged) out.emplace_back(key, std::move(*merged));
    }
    std::string before;
    bool first = true;
    for (const auto& [key, value] : mine.entries) {
      if (!theirs.find(key)) {
        if (auto merged = merge(base.find(key), value, nullptr, below(key), depth + 1)) {
          auto at =
              first ? out.begin()
                    : std::find_if(out.begin(), out.end(), [&](const auto& entry) { return entry.first == before; });
          if (!first && at != out.end()) ++at;
          out.insert(at, {key, std::move(*merged)});
        }
      }
      before = key;
      first = false;
    }
    return out;
  }

  const MergeRule& rule_;
};

}  // namespace

Merged merge(const Document& base, const Document& mine, const Document& theirs, const MergeRule& rule) {
  Merger merger(rule);
  const Value a(base);
  const Value b(mine);
  const Value c(theirs);
  auto merged = merger.merge(&a, &b, &c, "", 0);
  return {std::move(*merged->as<Document>()), std::move(merger.conflicts)};
}

}  // namespace fm::bson
