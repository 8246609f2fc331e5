// Texts of guards and warnings with {placeholders}.
#pragma once

#include <string>

#include "bson/document.h"
#include "ops/context.h"

namespace fm::ops {

// {dataset}: the dataset's name; {@key}: the key an enclosing `each` is at;
// {path|fallback}: a value of the document.
std::string fill_template(const std::string& text, const bson::Document& doc, const Context& context);

}  // namespace fm::ops
