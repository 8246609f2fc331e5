// Walking over JSON text without parsing it.
#pragma once

#include <cstddef>
#include <string_view>

namespace fm::archive {

// The first position at or behind `from` that is no white space of JSON.
std::size_t skip_space(std::string_view text, std::size_t from);

// From the '{' of a document to behind its end; the text may come in pieces
// that grow. Brackets and strings are matched, nothing else is looked at.
class DocumentScan {
 public:
  // Goes on at `from` (where the last call ended); where it ended: behind the
  // document, or at the end of the text.
  std::size_t run(std::string_view text, std::size_t from);
  bool done() const { return done_; }

 private:
  // The same, byte by byte.
  const char* step(const char* at, const char* end);

  int depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  bool done_ = false;
};

}  // namespace fm::archive
