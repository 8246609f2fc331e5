// The way a run took a document, worked out again in memory from its image.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "bson/merge.h"
#include "exec/residue.h"
#include "revisions/catalogue.h"

namespace fm {

// One document without others that belong to it (of the services beside
// `datasets`): every state it had on its way down.
class Replay {
 public:
  // Takes a document through one revision.
  using Take = std::function<void(bson::Document& document, const Revision& revision, Direction direction)>;

  // `down` are the revisions that the run went down through, in that order.
  // The image has to have a `before`.
  Replay(const Image& image, const std::vector<const Revision*>& down, Take take);

  // What the way down through this revision displaced, given back to a document
  // that has just been taken up through it (rule R3). Conflicts stay open.
  bson::Merged restore(const Revision& revision, const bson::Document& mine) const;

 private:
  struct States {
    bson::Document before;
    bson::Document after;
  };
  std::map<std::string, States> states_;
  Take take_;
};

}  // namespace fm
