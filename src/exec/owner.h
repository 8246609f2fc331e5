// Whose documents a pass over a shared collection changes.
#pragma once

#include <string>

#include "exec/prepare.h"
#include "ops/operation.h"

namespace fm {

// The part of such a filter that names the owner, {key: _id of a dataset}: it
// comes first. Owned by the filter.
bson::Document* owner_filter(bson::Document& filter);
const bson::Document* owner_filter(const bson::Document& filter);

// The key that names the owner; empty for a collection of the dataset's own.
std::string owner_key(const Prepared& dataset, const ops::Pass& pass);

}  // namespace fm
