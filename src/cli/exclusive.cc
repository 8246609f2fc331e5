#include "cli/exclusive.h"

#include "base/error.h"

namespace fm::cli {

void take_lease(std::optional<Lease>& lease, Mongo& mongo, const DatabaseHeads& found) {
  if (lease) return;
  lease.emplace(mongo);
  if (same_heads(found, read_heads(mongo))) return;
  throw Error(Exit::kMismatch, "The database has moved since it was planned; nothing was written",
              "Run the same command again.");
}

}  // namespace fm::cli
