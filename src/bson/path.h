// Dotted paths into documents: "app_config.sidebar_groups". Parts are keys of
// documents; arrays are never stepped into.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bson/document.h"

namespace fm::bson {

class Path {
 public:
  Path() = default;
  Path(std::string_view dotted);
  Path(const char* dotted) : Path(std::string_view(dotted)) {}
  Path(const std::string& dotted) : Path(std::string_view(dotted)) {}
  // One key, whatever dots it holds.
  static Path of_key(std::string key);

  const std::vector<std::string>& parts() const { return parts_; }
  const std::string& top() const { return parts_.front(); }
  const std::string& leaf() const { return parts_.back(); }
  std::string str() const;

  // The value, or nullptr when a part is missing or not a document.
  const Value* find(const Document& doc) const;
  Value* find(Document& doc) const;
  // The document that holds (or would hold) the leaf, or nullptr.
  const Document* parent(const Document& doc) const;
  Document* parent(Document& doc) const;

  bool operator==(const Path&) const = default;

 private:
  std::vector<std::string> parts_;
};

}  // namespace fm::bson
