// What is wrong with a database, as `verify` tells it.
#pragma once

#include <cstdint>
#include <string>

#include "bson/document.h"

namespace fm {

struct Problem {
  enum class Kind {
    kPending,   // a revision that the version claims has not been done
    kMissing,   // something the dataset names as its own is not there
    kDangling,  // an id without its document
    kDamaged,   // content that no client writes
    kHalfWay,   // between two versions
    kOrphan,    // content that no dataset has
    kNote,      // nothing is wrong, but worth knowing; does not count
  };
  Kind kind = Kind::kDamaged;
  std::string where;  // collection, or path in the dataset document
  std::string what;
  std::int64_t count = 1;
  bool at_least = false;  // `count` is of a part that was looked at
  std::string remedy;
  // How it could be mended for certain; empty where that takes a person.
  std::string repair;
  // Whose it is; no dataset: the database's.
  std::string dataset;
  bson::Value dataset_id;
};

const char* name_of(Problem::Kind kind);

}  // namespace fm
