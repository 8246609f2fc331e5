// A value made of others of the same document: {key: PATH} copies one,
// {concat: [TEXT, {key: PATH}, ...]} joins strings, {slug: PATH} makes the slug
// of a name.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bson/document.h"
#include "bson/path.h"
#include "ops/arguments.h"

namespace fm::ops {

struct Concat {
  using Part = std::variant<std::string, bson::Path>;
  std::vector<Part> parts;  // one path alone copies a value of any type
  bool slug = false;

  static Concat parse(const bson::Value& source, const Arguments& arguments);
  // Nothing where a source is missing.
  std::optional<bson::Value> evaluate(const bson::Document& doc) const;
  std::string describe() const;
};

}  // namespace fm::ops
