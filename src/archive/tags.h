// Temporal tags: documents of the collection `tags`, and records of tags.json.
#pragma once

#include <string>

#include "bson/document.h"
#include "ops/context.h"

namespace fm::archive {

inline constexpr const char* kTags = "tags";

// A record with everything the original requires of one, as a document of
// `dataset`; throws std::string with what is wrong. `ordinal` makes its id.
bson::Document tag_document(const bson::Document& record, const bson::Value& dataset, const ops::IdGenerator& ids,
                            std::size_t ordinal);
bson::Document tag_record(const bson::Document& tag);

// The order of an export.
bson::Document tag_order();
// As the original makes them when it writes the first tag.
std::vector<bson::Document> tag_indexes();

}  // namespace fm::archive
