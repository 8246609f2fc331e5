// Hashes of content as object stores name them: below kPartSize of the content,
// from there on of the hashes of its parts, with "-" and their number behind
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html).
#pragma once

#include <string>
#include <string_view>

#include "base/hash.h"
#include "media/object_store.h"

namespace fm::media {

inline std::string raw(const Digest& digest) { return {reinterpret_cast<const char*>(digest.data()), digest.size()}; }
inline std::string raw(std::string digest) { return digest; }

// Of hashes of parts that follow each other: as above, in hexadecimal digits.
template <class Hash>
std::string of_parts(std::string_view sums, std::int64_t count) {
  Hash hash;
  hash.update(sums);
  return to_hex(raw(hash.finish())) + "-" + std::to_string(count);
}

// Of content that comes in order. Hash: Sha256 or Md5.
template <class Hash>
class ContentHash {
 public:
  // `parts`: false for stores that know none.
  explicit ContentHash(std::int64_t size, bool parts = true)
      : part_(parts && size >= kPartSize ? part_size(size) : 0) {}

  void update(std::string_view bytes) {
    while (part_ != 0 && !bytes.empty()) {
      const auto piece = bytes.substr(0, static_cast<std::size_t>(part_ - at_));
      hash_.update(piece);
      at_ += static_cast<std::int64_t>(piece.size());
      bytes.remove_prefix(piece.size());
      if (at_ == part_) end_part();
    }
    hash_.update(bytes);
  }

  // Ends it.
  std::string finish() {
    if (part_ == 0) return to_hex(raw(hash_.finish()));
    if (at_ > 0) end_part();
    return of_parts<Hash>(sums_, count_);
  }

 private:
  void end_part() {
    sums_ += raw(hash_.finish());
    hash_ = Hash();
    ++count_;
    at_ = 0;
  }

  Hash hash_;
  std::int64_t part_;
  std::int64_t at_ = 0;  // in the part
  std::int64_t count_ = 0;
  std::string sums_;
};

}  // namespace fm::media
