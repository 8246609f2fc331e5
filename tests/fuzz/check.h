// What must hold in a fuzzer; not compiled away.
#pragma once

#include <stdexcept>
#include <string>

namespace fm::fuzz {

// No fuzzer catches it, so both drivers keep the input.
inline void check(bool holds, const char* what) {
  if (!holds) throw std::logic_error(std::string("does not hold: ") + what);
}

}  // namespace fm::fuzz
