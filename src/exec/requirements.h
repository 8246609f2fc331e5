// What the version of a dataset requires of its content, derived from the
// revisions: those at or below it have nothing left to do on the way up, those
// above it nothing to take away on the way down.
#pragma once

#include <string>
#include <vector>

#include "ops/operation.h"
#include "revisions/catalogue.h"

namespace fm {

// The part of a revision that can be asked back from the data. Left out is what
// a client may write otherwise later (values set whatever was there, what users
// arrange in the App), and absent keys whose default reads the same.
struct Requirement {
  const Revision* revision = nullptr;
  ops::Steps document;    // up, on the dataset document
  ops::Steps collection;  // up, over samples, frames and shared collections
  ops::Steps newer;       // down: removes what the revision has brought
};

// In the order of the versions.
std::vector<Requirement> requirements(const Catalogue& catalogue);

// What the collection steps of a revision look at in a dataset document, as it
// was before the revision added elements to its lists: then they find their
// work again. Far less than the document.
bson::Document before_collection_steps(const Requirement& requirement, const bson::Document& dataset);

}  // namespace fm
