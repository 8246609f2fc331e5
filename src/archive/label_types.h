// Labels, metadata and groups as the newest data model describes them.
#pragma once

#include <string>
#include <string_view>

#include "bson/document.h"

namespace fm::archive {

// The nested fields of an embedded type ("fiftyone.core.labels.Detection"), in
// the form of a dataset document; empty for types that are not in the table.
bson::Array nested_fields(std::string_view type);

// One field in the form of a dataset document. `type` is as the layout before
// 0.8 writes it: "fiftyone.core.fields.ListField(fiftyone.core.fields.StringField)".
bson::Document described_field(const std::string& name, const std::string& type);

// Gives a label of an old release, and what is in it, the attributes that it
// always has today: `tags`, and `attributes` where its class has them. Other
// documents are walked through.
void renew_labels(bson::Value& value);

}  // namespace fm::archive
