// What says, in `migrator.restore`, that a restore is putting collections in
// their places:
//
//   {_id: "restore", directory, manifest, begun, moves: [{from, to, uuid}], drops: [collections],
//    waits}
//
// It is written when everything is there beside its place, and removed at the
// end. Of two databases that of FiftyOne gets its mark first, which `waits` for that
// of cas: nothing is moved yet. While it is there some collections may be old and others new, so whatever
// else writes refuses.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "store/mongo.h"

namespace fm {

inline constexpr const char* kRestoreMark = "migrator.restore";

struct RestoreMark {
  std::string directory;  // as given
  std::string manifest;   // digest of the backup's manifest
  std::int64_t begun_ms = 0;
  struct Move {
    std::string from;
    std::string to;
    std::string uuid;  // of the collection, wherever it is
  };
  std::vector<Move> moves;
  std::vector<std::string> drops;
  bool waits = false;

  static std::optional<RestoreMark> read(Mongo& mongo);
  // Replaces one that is there.
  void write(Mongo& mongo) const;
  static void remove(Mongo& mongo);

  // "a restore of DIR, begun ..., was cut off while it put collections in their places"
  std::string text() const;
  std::string remedy() const;
};

// Throws Error(kPrecondition) while there is one.
void refuse_while_restoring(Mongo& mongo);

}  // namespace fm
