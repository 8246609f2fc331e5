// One dataset document against what its version requires. Pure: what only the
// server can tell is returned as checks and references.
#pragma once

#include <string>
#include <vector>

#include "base/version.h"
#include "bson/document.h"
#include "exec/problem.h"
#include "exec/requirements.h"
#include "ops/context.h"

namespace fm {

// An id in the dataset document.
struct Reference {
  std::string collection;  // fs.files for results of runs
  bson::Value id;
  std::string where;
};

// Something no document of a collection may be.
struct CollectionCheck {
  std::string collection;
  bson::Document filter;   // matches the documents that are
  Problem problem;         // if there is one
  std::string owner_key;   // not empty: a key that holds the id of a dataset, and the wrong one
  bson::Value owner = {};  // the right one
};

struct Inspection {
  std::vector<Problem> problems;
  std::vector<Reference> references;
  std::vector<CollectionCheck> checks;
};

// `fetch` gives the documents of `runs`.
Inspection inspect(const bson::Document& dataset, const Version& version, const std::vector<Requirement>& requirements,
                   const ops::References::Fetch& fetch);

// Whether that version leaves nothing to do on the document and its runs, and has
// nothing to take away: no problem of a revision would be found.
bool fits_version(const bson::Document& dataset, const Version& version, const std::vector<Requirement>& requirements,
                  const ops::References::Fetch& fetch);

// "a, b, c, 4 more"
std::string some_of(const std::vector<std::string>& words);

}  // namespace fm
