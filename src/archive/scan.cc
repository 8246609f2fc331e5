#include "archive/scan.h"

#include <bit>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace fm::archive {

namespace {

#if defined(__SSE2__)
constexpr std::ptrdiff_t kLanes = 64;

// Where in 64 bytes these characters are, a bit for each byte.
struct Marks {
  std::uint64_t quotes = 0;
  std::uint64_t escapes = 0;
  std::uint64_t opening = 0;
  std::uint64_t closing = 0;
};

Marks look(const char* at) {
  const auto is = [](__m128i block, char c) {
    return static_cast<std::uint64_t>(
        static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8(c)))));
  };
  Marks out;
  for (int i = 0; i < kLanes; i += 16) {
    const auto block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + i));
    // '{' is '[' | 0x20, '}' is ']' | 0x20.
    const auto folded = _mm_or_si128(block, _mm_set1_epi8(0x20));
    out.quotes |= is(block, '"') << i;
    out.escapes |= is(block, '\\') << i;
    out.opening |= is(folded, '{') << i;
    out.closing |= is(folded, '}') << i;
  }
  return out;
}

// Each bit becomes the parity of itself and all below it: from each quote to
// before the next one.
std::uint64_t between(std::uint64_t quotes) {
  for (int by = 1; by < kLanes; by *= 2) quotes ^= quotes << by;
  return quotes;
}
#endif

}  // namespace

std::size_t skip_space(std::string_view text, std::size_t from) {
  while (from < text.size() && (text[from] == ' ' || text[from] == '\n' || text[from] == '\t' || text[from] == '\r')) {
    ++from;
  }
  return from;
}

std::size_t DocumentScan::run(std::string_view text, std::size_t from) {
  const char* const end = text.data() + text.size();
  const char* at = text.data() + from;
#if defined(__SSE2__)
  while (!done_ && end - at >= kLanes) {
    const auto marks = look(at);
    if (escaped_ || marks.escapes != 0) {
      at = step(at, at + kLanes);
      continue;
    }
    const auto inside = between(marks.quotes) ^ (in_string_ ? ~std::uint64_t{0} : 0);
    const auto opening = marks.opening & ~inside;
    const auto closing = marks.closing & ~inside;
    if (std::popcount(closing) < depth_) {
      depth_ += std::popcount(opening) - std::popcount(closing);
    } else {  // it may end here
      for (auto left = opening | closing; left != 0; left &= left - 1) {
        const auto bit = std::countr_zero(left);
        if ((opening >> bit & 1) != 0) {
          ++depth_;
        } else if (--depth_ == 0) {
          done_ = true;
          return static_cast<std::size_t>(at - text.data()) + static_cast<std::size_t>(bit) + 1;
        }
      }
    }
    in_string_ = inside >> (kLanes - 1) != 0;
    at += kLanes;
  }
#endif
  if (!done_) at = step(at, end);
  return static_cast<std::size_t>(at - text.data());
}

const char* DocumentScan::step(const char* at, const char* end) {
  while (at < end) {
    const char c = *at++;
    if (escaped_) {
      escaped_ = false;
    } else if (in_string_) {
      in_string_ = c != '"';
      escaped_ = c == '\\';
    } else if (c == '"') {
      in_string_ = true;
    } else if ((c | 0x20) == '{') {
      ++depth_;
    } else if ((c | 0x20) == '}' && --depth_ == 0) {
      done_ = true;
      break;
    }
  }
  return at;
}

}  // namespace fm::archive
