// The polyline edit of custom_polyline_shapes.cc, for joins that do it on the way.
#pragma once

#include "bson/document.h"
#include "ops/context.h"

namespace fm::ops {

// One stage of an update pipeline.
bson::Document polyline_stage(bool wrapping);
void edit_polylines(bson::Document& doc, bool wrapping, Context& context);

}  // namespace fm::ops
