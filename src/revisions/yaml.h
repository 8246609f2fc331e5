// Catalogue files: YAML to BSON values and revisions.
#pragma once

#include <string>
#include <string_view>

#include "revisions/catalogue.h"

namespace fm {

// Throws Error(kUsage) with "<file>:<line>:<column>: ..." for anything that is
// not a revision: unknown keys or operations, a missing way back that cannot be
// derived, a version that is none, a step over what the service does not have.
//
// Tags: !fields [spec, ...] and !field spec make the nested field documents of
// 0.16, where spec is "name:ftype", "name:ftype/subfield" or a mapping of those
// keys with embedded_doc_type and fields.
Revision parse_revision(const std::string& file, std::string_view text, Service service = Service::kDatasets);

}  // namespace fm
