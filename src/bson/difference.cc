#include "bson/difference.h"

#include <map>
#include <optional>

namespace fm::bson {

namespace {

class Walk {
 public:
  explicit Walk(std::vector<Difference>& out) : out_(out) {}

  void documents(const Document& before, const Document& after) {
    for (const auto& [key, value] : before) {
      if (before.find(key) == &value) pair(key, &value, after.find(key));
    }
    for (const auto& [key, value] : after) {
      if (!before.has(key) && after.find(key) == &value) pair(key, nullptr, &value);
    }
  }

 private:
  using Named = std::map<std::string, const Value*>;

  // Nothing when an element has no name, or one that another has too.
  static std::optional<Named> by_name(const Array& list) {
    Named out;
    for (const auto& item : list) {
      const auto* element = item.as<Document>();
      const auto* name = element ? element->find("name") : nullptr;
      const auto* text = name ? name->as<std::string>() : nullptr;
      if (!text || !out.emplace(*text, &item).second) return std::nullopt;
    }
    return out;
  }

  bool arrays(const Array& before, const Array& after) {
    const auto left = by_name(before);
    const auto right = by_name(after);
    if (left && right) {
      for (const auto& [name, value] : *left) {
        const auto other = right->find(name);
        pair(name, value, other == right->end() ? nullptr : other->second);
      }
      for (const auto& [name, value] : *right) {
        if (!left->contains(name)) pair(name, nullptr, value);
      }
      return true;
    }
    if (before.size() != after.size()) return false;
    for (std::size_t i = 0; i < before.size(); ++i) pair(std::to_string(i), &before[i], &after[i]);
    return true;
  }

  void pair(const std::string& key, const Value* before, const Value* after) {
    if (before && after && *before == *after) return;
    const auto size = path_.size();
    if (size > 0) path_ += '.';
    path_ += key;
    const auto found = out_.size();
    if (!before || !after || !inside(*before, *after)) {
      out_.resize(found);
      out_.push_back({path_, before, after});
    }
    path_.resize(size);
  }

  // False where there is nothing to compare element by element.
  bool inside(const Value& before, const Value& after) {
    if (const auto* a = before.as<Document>(), *b = after.as<Document>(); a && b) {
      documents(*a, *b);
      return true;
    }
    const auto *a = before.as<Array>(), *b = after.as<Array>();
    return a && b && arrays(*a, *b);
  }

  std::vector<Difference>& out_;
  std::string path_;
};

}  // namespace

std::vector<Difference> differences(const Document& before, const Document& after) {
  std::vector<Difference> out;
  Walk(out).documents(before, after);
  return out;
}

}  // namespace fm::bson
