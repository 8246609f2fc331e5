// Small databases for runs that are cut off: for every revision and both ways
// one dataset that it changes, and some longer ways.
#pragma once

#include <string>
#include <vector>

#include "property/datasets.h"
#include "store/mongo.h"

namespace fm {

struct CrashCase {
  std::string name;
  std::string from;  // version of the database
  std::string to;
  bson::Document dataset;
  std::map<std::string, std::vector<bson::Document>> collections;  // the dataset's, and others
};

// Images have little that videos do not have: they come with FM_CRASH_CASES=all
// in the environment.
std::vector<CrashCase> crash_cases();

// Empties the database and puts the case there, and with it a journal without
// datasets: the next run to `to` goes on with the time and seed of the journal,
// so that every such run writes the same bytes.
// The id of that run.
std::string journalled_run();
void store(Mongo& mongo, const CrashCase& one);

}  // namespace fm
