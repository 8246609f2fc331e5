// Processes of this machine.
#pragma once

#include <cstdint>
#include <string>

namespace fm {

// When a process started, in the kernel's ticks; empty when there is none, or only a dead one that
// nobody has waited for.
std::string process_start(std::int64_t pid);
// Whether it is at work; true where the system does not tell.
bool process_alive(std::int64_t pid);

}  // namespace fm
