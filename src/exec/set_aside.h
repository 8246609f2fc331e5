// Collections that a run with an undo log does not drop but sets aside: renamed,
// documents and indexes with them, to `migrator.dropped.RUN.NAME`.
#pragma once

#include <string>
#include <vector>

#include "store/mongo.h"

namespace fm {

struct SetAside {
  std::string run;   // that did it
  std::string name;  // that the collection had
};

// Of that run, or of all.
std::vector<SetAside> collections_set_aside(Mongo& mongo, const std::string& run = "");

// One step each, each only if no dataset names it by now. Nothing is replaced:
// what cannot be renamed (no right to, name too long, the place is taken) stays
// where it is and is given back.
std::vector<std::string> set_aside(Mongo& mongo, const std::string& run, const std::vector<std::string>& collections);

// To their names again, unless something is there by now: then they stay aside.
void bring_back(Mongo& mongo, const std::string& run);

// For good.
void drop_aside(Mongo& mongo, const SetAside& collection);

}  // namespace fm
