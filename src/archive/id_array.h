// Arrays of ids in results of runs: Base64 of a zlib stream of NumPy's .npy form
// (spec: dataset archive, 2.3).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "archive/new_ids.h"

namespace fm::archive {

class IdArray {
 public:
  struct Layout {
    std::size_t header = 0;  // bytes in front of the items
    std::size_t width = 0;   // of a character, in bytes
  };
  // That of an array of texts of 24 characters, by the beginning of its Base64
  // form; all of it, or at least kPeek characters.
  static std::optional<Layout> layout(std::string_view base64);
  static constexpr std::size_t kPeek = 512;

  IdArray(const NewIds& ids, Layout layout, std::function<void(std::string_view)> write);
  IdArray(const IdArray&) = delete;
  IdArray& operator=(const IdArray&) = delete;
  ~IdArray();

  // Base64 as it comes. Throws Error(kMismatch) for what is none.
  void feed(std::string_view base64);
  void finish();

 private:
  struct Streams;
  void inflated(std::string_view bytes);
  void deflate(std::string_view bytes, bool last);

  const NewIds& ids_;
  Layout layout_;
  std::function<void(std::string_view)> write_;
  std::unique_ptr<Streams> streams_;
  std::string in_;    // less than four characters
  std::string item_;  // less than an item
  std::string out_;   // less than three bytes
};

}  // namespace fm::archive
