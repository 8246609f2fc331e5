// What is wrong with a database, as `verify` tells it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "bson/document.h"
#include "exec/mend.h"

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
  std::string code;  // of the table below
  Kind kind = Kind::kDamaged;
  std::string where;  // collection, or path in the dataset document
  std::string what;
  std::int64_t count = 1;
  bool at_least = false;  // `count` is of a part that was looked at
  std::string remedy;
  // What `verify --repair` does about it; empty where that takes a person.
  std::string repair;
  // How; empty too where an interrupted run is finished instead.
  Mend mend;
  // Where the mend is certain only if nobody else uses a document: which, by
  // collection and encoded _id.
  std::pair<std::string, std::string> used;
  // Whose it is; no dataset: the database's.
  std::string dataset;
  bson::Value dataset_id;
};

const char* name_of(Problem::Kind kind);

// Every kind of finding there is, and whether it can be mended for certain.
struct ProblemType {
  const char* code;  // never changes
  Problem::Kind kind;
  const char* what;    // in general
  const char* repair;  // what --repair does, where it is certain; nullptr: never
  const char* reason;  // why that is certain, or why nothing is
};
const std::vector<ProblemType>& problem_types();

// One of the table: its code and kind are set.
Problem problem_of(const char* code, std::string where, std::string what, std::string remedy, std::int64_t count = 1);

}  // namespace fm
