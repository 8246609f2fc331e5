// The temporal tags of a dataset that takes the place, and the _id, of another.
//
// Both have theirs in the collection `tags` under that one _id, so they change
// after the dataset has. What is to change stands in a collection of its own:
// the new tags as they will be, and {_id, old: true} for each one that goes.
// What clients write in the meantime is neither, and stays.
#pragma once

#include <string>

#include "bson/document.h"
#include "store/mongo.h"

namespace fm::archive {

// Where they stand while the dataset is in `samples`.
std::string tags_to_swap(const std::string& samples);

// Adds the tags that the dataset has now to those that go. One pass over them, on
// the server.
void note_old_tags(Mongo& mongo, const std::string& swap, const bson::Value& dataset);

// Takes the old ones out and puts the new ones in, then drops `swap`: without it
// there is nothing to do. Killed at any point it can be done again. A client's tag
// that equals a new one stands for it. Reads and writes each tag once.
void swap_tags(Mongo& mongo, const std::string& swap);

}  // namespace fm::archive
