// What is there for one dataset alone, and goes with it.
#pragma once

#include <string>

#include "bson/document.h"
#include "store/mongo.h"

namespace fm::archive {

// {samples, frames, documents: {collection: [ids]}, files: [ids]}: its collections,
// the documents that it names, and the files of the results of its runs.
bson::Document belongings_of(Mongo& mongo, const bson::Document& dataset);

// Can be done again.
void remove_belongings(Mongo& mongo, const bson::Document& belongings);

// A collection that a dataset names stays: clips share the frames of their source.
void drop_unless_named(Mongo& mongo, const std::string& collection);

// By collection, a list of ids for each.
void remove_documents(Mongo& mongo, const bson::Document& by_collection);

}  // namespace fm::archive
