// Options and indexes of one collection, as its metadata file has them.
#pragma once

#include <vector>

#include "bson/document.h"

namespace fm::dump {

struct Definition {
  bson::Document options;
  // As createIndexes takes them, but that of _id.
  std::vector<bson::Document> indexes;
};

Definition read_definition(const bson::Document& metadata);

}  // namespace fm::dump
