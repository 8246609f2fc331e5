// Deleting a dataset with everything that belongs to it.
#pragma once

#include <string>

#include "bson/document.h"
#include "store/mongo.h"

namespace fm {

// Samples and frames (not those of the source of a dataset of clips), views,
// workspaces, runs with their results, tags, delegated operations and the
// execution store; its document last, so that a deletion that was cut off is
// finished by the next one. `dataset` is its document.
void remove_dataset(Mongo& mongo, const bson::Document& dataset);

}  // namespace fm
