#include "archive/scan.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace fm::archive {

namespace {

#if defined(__SSE2__)
// The first of two characters at or behind `at`; `end` where there is none in
// whole blocks of 16, which the caller goes on from byte by byte.
template <class Match>
const char* find_block(const char* at, const char* end, const Match& match) {
  for (; end - at >= 16; at += 16) {
    const auto block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(match(block)));
    if (mask != 0) return at + __builtin_ctz(mask);
  }
  return at;
}

__m128i is(__m128i block, char c) { return _mm_cmpeq_epi8(block, _mm_set1_epi8(c)); }
#endif

const char* find_quote_or_escape(const char* at, const char* end) {
#if defined(__SSE2__)
  at = find_block(at, end, [](__m128i b) { return _mm_or_si128(is(b, '"'), is(b, '\\')); });
#endif
  while (at < end && *at != '"' && *at != '\\') ++at;
  return at;
}

const char* find_structure(const char* at, const char* end) {
#if defined(__SSE2__)
  at = find_block(at, end, [](__m128i b) {
    // '{' is '[' | 0x20, '}' is ']' | 0x20.
    const auto folded = _mm_or_si128(b, _mm_set1_epi8(0x20));
    return _mm_or_si128(is(b, '"'), _mm_or_si128(is(folded, '{'), is(folded, '}')));
  });
#endif
  while (at < end && *at != '"' && (*at | 0x20) != '{' && (*at | 0x20) != '}') ++at;
  return at;
}

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
  while (at < end) {
    if (escaped_) {
      escaped_ = false;
      ++at;
    } else if (in_string_) {
      at = find_quote_or_escape(at, end);
      if (at == end) break;
      if (*at == '"') {
        in_string_ = false;
      } else {
        escaped_ = true;
      }
      ++at;
    } else {
      at = find_structure(at, end);
      if (at == end) break;
      const char c = *at++;
      if (c == '"') {
        in_string_ = true;
      } else if ((c | 0x20) == '{') {
        ++depth_;
      } else if (--depth_ == 0) {
        done_ = true;
        break;
      }
    }
  }
  return static_cast<std::size_t>(at - text.data());
}

}  // namespace fm::archive
