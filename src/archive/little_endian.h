// Numbers as BSON has them.
#pragma once

#include <string>

namespace fm::archive {

template <class T>
void put(std::string& out, T value) {
  // BSON is little-endian, and so is every machine this runs on.
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace fm::archive
