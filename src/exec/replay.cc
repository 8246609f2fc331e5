#include "exec/replay.h"

namespace fm {

Replay::Replay(const Image& image, const std::vector<const Revision*>& down, Take take) : take_(std::move(take)) {
  auto document = *image.before;
  for (const auto* revision : down) {
    auto before = document;
    take_(document, *revision, Direction::kDown);
    states_.emplace(revision->text, States{std::move(before), document});
  }
}

bson::Merged Replay::restore(const Revision& revision, const bson::Document& mine) const {
  const auto found = states_.find(revision.text);
  if (found == states_.end()) return {mine, {}};
  auto base = found->second.after;
  take_(base, revision, Direction::kUp);
  return bson::merge(base, mine, found->second.before);
}

}  // namespace fm
