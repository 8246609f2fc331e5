// The polyline edit of custom_polyline_shapes.cc, for joins that do it on the way.
#pragma once

#include "bson/document.h"
#include "ops/context.h"

namespace fm::ops {

// One stage of an update pipeline.
bson::Document polyline_stage(bool wrapping);
// Matches documents that the edit and its opposite do not give back.
bson::Document polyline_displaces(bool wrapping);
void edit_polylines(bson::Document& doc, bool wrapping, Context& context);

}  // namespace fm::ops
