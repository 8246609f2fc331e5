// Types of fields that FiftyOne knows.
#pragma once

#include <string>

#include "bson/document.h"

namespace fm::archive {

// Throws Error(kMismatch) naming the first field whose type no client could
// load: the dataset could then neither be opened nor deleted by one.
void check_field_types(const bson::Document& dataset, const std::string& file);

}  // namespace fm::archive
