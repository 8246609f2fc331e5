// One dataset on the way back through a run (rule R7).
#pragma once

#include <functional>
#include <optional>

#include "exec/world.h"

namespace fm {

// The image and the record of a run, for one dataset.
struct RunImage {
  RunRecord run;
  Image image;
  const Route* route = nullptr;  // that the run took
};

// The way back: versions and revisions turned round.
Route turned(const Route& route, const Image& image);

// `current` becomes what the image holds; what was changed elsewhere since
// stays. `origin` is the run whose passes are to be taken back, or with
// `forward` run again: an undo has none of its own, so it is the run at the
// start of a chain of undos. Throws Error(kPrecondition) naming the values that
// the run wrote and that were changed since.
Prepared take_back(bson::Bytes current, const RunImage& run, const RunImage& origin, bool forward, const Route& back,
                   const RunFacts& facts, const PrepareSources& sources);

}  // namespace fm
