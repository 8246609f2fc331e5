// Documents as JSON text, cut out of a file but not looked into.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fm::archive {

// Readable bytes that follow every text (the parser reads past the end).
inline constexpr std::size_t kTextPadding = 64;

struct TextBatch {
  struct Slice {
    std::size_t begin = 0;  // in `text`
    std::size_t size = 0;
  };
  std::string file;  // of all documents, for messages
  std::string text;  // ends in kTextPadding spaces
  std::vector<Slice> slices;
  std::vector<std::string> files;  // one for each slice where each is a file of its own; else empty
  std::int64_t offset = 0;         // of text[0] in the file, in bytes
  std::int64_t first = 0;          // number of the first document in the collection, from 0
  std::int64_t bytes = 0;          // read from the disk for this batch

  std::string_view document(std::size_t i) const {
    return std::string_view(text).substr(slices[i].begin, slices[i].size);
  }
};

// Hands out all documents of a collection in order. Not thread-safe.
class TextSource {
 public:
  TextSource() = default;
  TextSource(const TextSource&) = delete;
  TextSource& operator=(const TextSource&) = delete;
  virtual ~TextSource() = default;
  // False at the end. Throws Error(kMismatch) naming file and offset.
  virtual bool next(TextBatch& batch) = 0;
};

}  // namespace fm::archive
