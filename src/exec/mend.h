// How one finding of `verify` is mended. Nothing is written here: what to write
// is worked out again from the documents as they are then, so that edits of
// other clients are not lost. Each function leaves alone what is whole, or what
// is no longer as it was found.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bson/document.h"
#include "ops/context.h"

namespace fm {

struct Mend {
  // Edits the document of one dataset, and through the context's references the
  // runs behind it.
  struct OfDataset {
    bson::Value dataset;  // its _id
    std::function<void(bson::Document& dataset, ops::Context& context)> edit;
  };
  // Edits every document of a collection that matches.
  struct OfMembers {
    std::string collection;
    bson::Document filter;
    std::function<void(bson::Document& member)> edit;
  };
  struct OfIndex {
    std::string collection;
    bson::Document index;  // as createIndexes takes it
  };
  struct Removal {
    std::string collection;
    bson::Value id;
  };

  std::vector<OfDataset> datasets = {};
  std::vector<OfMembers> members = {};
  std::vector<OfIndex> indexes = {};
  std::vector<Removal> removals = {};

  bool empty() const { return datasets.empty() && members.empty() && indexes.empty() && removals.empty(); }
};

}  // namespace fm
