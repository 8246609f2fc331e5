// How much is held at a time where documents are collected before others are
// read or written for them.
#pragma once

#include <cstddef>

namespace fm {

inline constexpr std::size_t kBatch = 256;                        // documents
inline constexpr std::size_t kBatchBytes = std::size_t{4} << 20;  // of documents

}  // namespace fm
