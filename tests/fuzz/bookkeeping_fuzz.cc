// Journal, images and records of runs, whatever stands in them: read, and replayed, or refused.
#include <algorithm>

#include "base/error.h"
#include "exec/journal.h"
#include "exec/own_revisions.h"
#include "exec/replay.h"
#include "exec/residue.h"
#include "fuzz/check.h"
#include "ops/operation.h"
#include "revisions/catalogue.h"

using namespace fm;

namespace {

void read_journal(const bson::Document& stored) {
  if (const auto run = Journal::read_run(stored)) fuzz::check(run->entries.empty(), "entries are read apart");
  const auto entry = Journal::read_entry(stored);
  try {
    static_cast<void>(make_route(built_in_catalogue(), built_in_catalogue().datasets, entry.from, entry.to));
  } catch (const Error&) {
  }
}

// What was read and is written again says the same.
void read_run(const bson::Document& stored) {
  const auto record = encoded(run_of(stored));
  fuzz::check(encoded(run_of(record)) == record, "a record of a run is stable");
  try {
    require_own_revisions(run_of(record).own, built_in_catalogue(), "run");
  } catch (const Error&) {
  }
}

void take(bson::Document& document, const Revision& revision, Direction direction) {
  const ops::IdGenerator ids(0, "seed");
  const auto* id = document.find("_id");
  ops::Context context(id ? *id : bson::Value(), 0, ids,
                       [](const std::string&, const bson::Value&) -> std::optional<bson::Document> { return {}; });
  context.revision = revision.text;
  context.file_has_key = [](const bson::Value&, const std::string&) { return false; };
  ops::apply(direction == Direction::kUp ? revision.up : revision.down, document, context);
}

void replay(const Image& image) {
  if (!image.before) return;
  std::vector<const Revision*> down;
  const auto& all = built_in_catalogue().datasets;
  for (auto revision = all.rbegin(); revision != all.rend(); ++revision) {
    if (std::find(image.open.begin(), image.open.end(), revision->text) != image.open.end()) down.push_back(&*revision);
  }
  const Replay replayed(image, down, take);
  auto mine = *image.before;
  for (const auto* revision : down) {
    take(mine, *revision, Direction::kDown);
    static_cast<void>(bson::encode(replayed.restore(*revision, mine).document));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto stored = bson::Document::decode(data, size);
    read_journal(stored);
    read_run(stored);
    for (const auto& image : read_images({stored, stored})) replay(image);
  } catch (const Error&) {
  }
  return 0;
}
