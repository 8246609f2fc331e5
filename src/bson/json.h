// Extended JSON, version 2.
#pragma once

#include <string>
#include <string_view>

#include "bson/document.h"

namespace fm::bson {

// Throw Error(kFailed) when a key or text is not UTF-8.
std::string to_canonical_json(const Document& doc);
std::string to_relaxed_json(const Document& doc);

// Throws Error(kUsage) with the parser's own text when it is not one JSON
// object. The parser takes about 100 levels of nesting, less than BSON can have.
Document from_json(std::string_view text);

}  // namespace fm::bson
