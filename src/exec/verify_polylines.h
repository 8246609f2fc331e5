// Polylines of samples and frames whose points are wrapped too often, or not at
// all. Since 0.6.2 points are a list of shapes, a shape a list of points; the
// original wraps once more each time its step runs again.
#pragma once

#include <vector>

#include "exec/verify_document.h"

namespace fm {

// By the fields that the dataset declares.
std::vector<CollectionCheck> polyline_checks(const bson::Document& dataset, const Version& version);

}  // namespace fm
