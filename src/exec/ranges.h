// Work over a whole collection, on the server, range by range of _id.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "exec/control.h"
#include "ops/lowered.h"
#include "store/mongo.h"

namespace fm {

// Joins consecutive updates of one collection into one pass. Updates commute
// across collections; a pass that reads one and writes another is a barrier.
std::vector<ops::Pass> fuse(std::vector<ops::Pass> passes);

// What tells about a pass while it runs: documents done, of about how many.
using PassProgress = std::function<void(const std::string& collection, std::int64_t done, std::int64_t total)>;

// How far a pass has come: all documents below `from`, in the order of _id.
struct PassCursor {
  bson::Value from;
  std::int64_t done = 0;  // about how many they are, for people
};

// How passes are run.
struct PassSettings {
  std::int64_t range_size = 10000;
  std::size_t at_once = 1;  // ranges of one pass that are written at the same time
  PassProgress progress = [](const std::string&, std::int64_t, std::int64_t) {};
  Control* control = nullptr;
};

// Calls `run` with a filter for each range of the collection, in the order of the
// _id index, `at_once` at the same time; with an empty one where a single range is
// enough. What is inserted meanwhile may be missed. A stop or a wait asked for
// happens between ranges. Reads: one walk over the index.
void for_each_range(Mongo& mongo, const std::string& collection, const PassSettings& settings,
                    const std::function<void(const bson::Document& range)>& run);

// Runs one pass: only pending documents are written, `at_once` ranges at a time,
// from `start` on. After them, but for the last, `keep` is given the cursor, and
// a stop or a wait asked for happens there. Inserts of other clients are caught
// by up to three rescans. Reads: one index walk and every document once, plus
// one scan per rescan. Memory: the borders of these ranges.
void run_pass(Mongo& mongo, const ops::Pass& pass, const PassSettings& settings,
              const std::optional<PassCursor>& start = {}, const std::function<void(const PassCursor&)>& keep = {});

// A document of the collection whose _id holds no time, if there is one.
std::optional<bson::Document> without_time(Mongo& mongo, const std::string& collection);

// The documents a pass would write.
bson::Document wanted_by(const ops::Pass& pass);

// The collection that it writes to: of a join, the one it merges into.
std::string written_by(const ops::Pass& pass);

// What a pass would write now, as it is stored. Of a join into another
// collection, which may wait for what an earlier pass leaves, all of that is
// taken. Reads what matches.
Mongo::Size measure_pending(Mongo& mongo, const ops::Pass& pass);

}  // namespace fm
