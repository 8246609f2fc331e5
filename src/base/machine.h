// What the machine knows: its name, the time, randomness.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace fm {

// Empty where the system does not tell.
std::string host_name();
// Milliseconds since 1970, UTC.
std::int64_t clock_ms();
// From the system's source of randomness.
std::string random_bytes(std::size_t count);

}  // namespace fm
