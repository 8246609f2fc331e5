// The types of Extended JSON: objects whose first key begins with '$'.
#pragma once

#include <bson/bson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fm::archive {

// Whether an object with this key stands for a value of another type.
bool is_extended_key(std::string_view key);

// `at` is the '{' of an object, whose first key is an extended one, in text
// that ends at `end`. Appends the value as BSON has it and tells its type.
// Nothing when it is an object like any other after all ({"$type": ...} alone).
// Throws std::string with what is wrong; `out` may then hold a part.
std::optional<bson_type_t> read_extended(const char* at, const char* end, std::string& out);

// Milliseconds since 1970 of "2022-02-03T04:05:06.789Z", also with "+hh:mm",
// "+hhmm", "+hh" or no zone (UTC), and up to nine digits of a second, of which three
// count. Nothing for other texts.
std::optional<std::int64_t> parse_date(std::string_view text);

}  // namespace fm::archive
