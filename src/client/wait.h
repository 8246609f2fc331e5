// The lease, waited for.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "store/lease.h"

namespace fm {

// Asks four times a second. After each refusal `while_waiting` is called; when it
// gives false nothing is returned. Throws Error(kLocked) when `patience` is over.
std::unique_ptr<Lease> wait_for_lease(Mongo& mongo, std::chrono::milliseconds patience,
                                      const std::function<bool()>& while_waiting);

}  // namespace fm
