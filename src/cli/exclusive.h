// The lease of a command that writes.
#pragma once

#include <optional>

#include "exec/heads.h"
#include "store/lease.h"

namespace fm::cli {

// Takes the lease unless it is held. Then nobody may have moved a dataset since
// `found` was read: throws Error(kMismatch).
void take_lease(std::optional<Lease>& lease, Mongo& mongo, const DatabaseHeads& found);

}  // namespace fm::cli
