// What tells this machine and this program from others.
#pragma once

#include <cstddef>
#include <string>

namespace fm {

// Empty where the system does not tell.
std::string host_name();
// From the system's source of randomness.
std::string random_bytes(std::size_t count);

}  // namespace fm
