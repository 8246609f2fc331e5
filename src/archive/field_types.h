// Types of fields that FiftyOne knows.
#pragma once

#include <string>
#include <vector>

#include "bson/document.h"

namespace fm::archive {

// Throws Error(kMismatch) naming the first field whose type no client could
// load: the dataset could then neither be opened nor deleted by one. Warns of
// documents of classes that are not FiftyOne's: they load where those are.
void check_field_types(const bson::Document& dataset, const std::string& file, std::vector<std::string>& warnings);

// Whether it declares fields of samples: without, no client reads any sample.
bool has_sample_fields(const bson::Document& dataset);

}  // namespace fm::archive
