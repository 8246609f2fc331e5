// Small pieces of aggregation expressions that several operations are lowered to.
#pragma once

#include <string>
#include <vector>

#include "bson/document.h"
#include "bson/path.h"

namespace fm::ops {

// Server-side forms exist for top-level keys that an expression can name.
inline bool has_server_form(const bson::Path& path) {
  return path.parts().size() == 1 && !path.top().empty() && path.top()[0] != '$';
}

inline std::string field_path(const bson::Path& path) { return "$" + path.str(); }

inline bson::Value expression(const char* op, bson::Value argument) {
  return bson::Document{{op, std::move(argument)}};
}

inline bson::Value literal(bson::Value value) { return expression("$literal", std::move(value)); }

inline bson::Value is_missing(const bson::Path& path) {
  return expression("$eq", bson::Array{expression("$type", field_path(path)), "missing"});
}

inline bson::Document set_stage(const bson::Path& path, bson::Value result) {
  return {{"$set", bson::Document{{path.top(), std::move(result)}}}};
}

// Whether comparison and $type together tell this value from every other one.
// They do not for numbers inside documents and lists, where 1 equals 1.0, nor
// for zeros, decimals and the like.
bool comparable(const bson::Value& value);

// Whether the value there is this one, type included.
bson::Value same(const bson::Path& path, const bson::Value& value);
// Matches documents where it is not.
bson::Document differs(const bson::Path& path, const bson::Value& value);

// A value for one line of text; long ones are cut.
std::string shown(const bson::Value& value);
std::string listed(const std::vector<bson::Path>& paths);
std::string listed(const std::vector<std::string>& words);

}  // namespace fm::ops
