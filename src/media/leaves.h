// The texts at a stored path of a document, lists on the way stepped into, in
// process and on the server. A list of lists is not looked into.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bson/document.h"

namespace fm::media {

// In their order; what is no text is left out.
std::vector<std::string> texts_at(const bson::Document& doc, std::string_view path);

// `change(text, n)` gives the new text of the n-th one, or nothing. How many
// have changed.
std::size_t change_texts(bson::Document& doc, std::string_view path,
                         const std::function<std::optional<std::string>(const std::string&, std::size_t)>& change);

// An expression for the value of the path's top-level key with each text
// replaced by what `leaf` makes of an expression for it. Key order stays; a
// missing key stays missing.
bson::Value with_texts(std::string_view path, const std::function<bson::Value(const bson::Value&)>& leaf);

// The first part of the path.
std::string top_of(std::string_view path);

}  // namespace fm::media
