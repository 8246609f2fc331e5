// The arguments of one step, as read from YAML; knows which were used.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bson/document.h"
#include "bson/path.h"

namespace fm::ops {

// Every getter throws Error(kUsage) naming operation and argument when the
// value is missing (unless optional) or has the wrong type.
class Arguments {
 public:
  Arguments(std::string operation, const bson::Document& values) : operation_(std::move(operation)), values_(values) {}

  bson::Path path(const char* name);
  std::string text(const char* name);
  std::optional<std::string> optional_text(const char* name);
  std::vector<std::string> texts(const char* name);  // one string or a list of them
  const bson::Value& value(const char* name);
  const bson::Value* optional_value(const char* name);
  bool flag(const char* name, bool fallback = false);
  std::optional<std::int64_t> optional_integer(const char* name);
  const bson::Document* optional_document(const char* name);
  const bson::Array* optional_array(const char* name);
  const bson::Document& all() const { return values_; }
  // Refuses arguments that nobody asked for.
  void finish() const;
  [[noreturn]] void fail(const std::string& what) const;

 private:
  std::string operation_;
  const bson::Document& values_;
  std::vector<std::string> used_;
};

}  // namespace fm::ops
