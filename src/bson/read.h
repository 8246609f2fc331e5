// Values of a document that may be absent or of another type.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bson/document.h"

namespace fm::bson {

// Each takes a dotted path. Without such a value: "", 0, nothing.
std::string text_at(const Document& doc, const char* path);
std::int64_t integer_at(const Document& doc, const char* path);
std::optional<std::int64_t> date_at(const Document& doc, const char* path);  // milliseconds since 1970

// The list; an empty one without it. Valid as long as `doc` is.
const Array& array_at(const Document& doc, const char* path);
// The strings in it, and the documents; other values are left out.
std::vector<std::string> strings_at(const Document& doc, const char* path);
std::vector<const Document*> documents_at(const Document& doc, const char* path);

// How many documents and lists are inside each other at most; 1 for plain values.
std::size_t depth_of(const View& document);

}  // namespace fm::bson
