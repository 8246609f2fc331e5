// Looks for what is wrong with a database. Reads only.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "exec/heads.h"
#include "exec/problem.h"
#include "store/mongo.h"

namespace fm {

struct VerifySettings {
  std::vector<std::string> names;  // only these datasets, and nothing of the database
  // Every document of samples and frames and the sizes of all results, instead
  // of the first and last of each collection; indexes too.
  bool deep = false;
  std::size_t jobs = 2;
};

struct VerifyReport {
  std::size_t datasets = 0;       // looked at
  std::vector<Problem> problems;  // of the database first, then in the order of the datasets
};

// Throws Error(kNotFound) for a name that is none.
VerifyReport verify(Mongo& mongo, const Catalogue& catalogue, const DatabaseHeads& heads,
                    const VerifySettings& settings);

}  // namespace fm
