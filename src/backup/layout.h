// Names of files in mongodump's layout: DIR/<database>/<collection>.bson and
// .metadata.json.
#pragma once

#include <string>
#include <string_view>

namespace fm::dump {

// A collection's name as a name of a file without its ending: percent-encoded,
// and cut with a hash of the whole where it would be too long for a file.
std::string file_stem(std::string_view collection);

// Whether mongodump takes a collection of that name: system collections stay
// out, but for stored functions.
bool is_dumped(std::string_view collection);

}  // namespace fm::dump
