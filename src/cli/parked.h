// Datasets that a run has half-way, with the versions that the journal knows.
#pragma once

#include <map>
#include <string>

#include "exec/heads.h"
#include "store/mongo.h"

namespace fm::cli {

class Parked {
 public:
  // Reads the journal, if any dataset is parked.
  Parked(Mongo& mongo, const Heads& heads);

  // A version for people: "0.9.4 (migrating to 1.22.1)" for a parked dataset,
  // "" without one.
  std::string shown_version(const DatasetHead& head) const;

  struct Way {
    std::string from;
    std::string to;
  };
  // Nothing where the journal does not know the dataset.
  const Way* find(const DatasetHead& head) const;

 private:
  std::map<std::string, Way> ways_;  // by encoded _id
};

}  // namespace fm::cli
