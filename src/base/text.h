// Small helpers for UTF-8 text, numbers as people read them, and secrets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fm {

// A byte that is not part of a well-formed sequence counts as one code point,
// U+FFFD.
std::u32string code_points(std::string_view utf8);
std::size_t count_code_points(std::string_view utf8);
// The first or last `n` code points, as a part of `utf8`.
std::string_view first_code_points(std::string_view utf8, std::size_t n);
std::string_view last_code_points(std::string_view utf8, std::size_t n);

// The text with U+FFFD for what is no UTF-8, as JSON needs it.
std::string clean_utf8(std::string_view text);

// Terminal cells: East-Asian wide characters take two, combining and control
// characters none.
std::size_t display_width(std::string_view utf8);

// For one cell of a table: control characters become spaces, and what is wider
// than `cells` ends with "…".
std::string one_line(std::string_view utf8, std::size_t cells);

// The candidate that `word` is most likely a misspelling of, if any is close.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

std::string format_count(std::int64_t n);       // 1,234,567
std::string utc_text(std::int64_t ms);          // 2026-11-23 11:18:46 UTC
std::string format_duration(double seconds);    // 0.3 s, 12 s, 4 min 05 s, 2 h 10 min, 3 d 4 h
std::string format_bytes(std::uint64_t bytes);  // 512 B, 1.5 KiB, 20 MiB

// The URI with "***" for the password of its user and for the values of options
// that hold secrets. Also understands passwords with characters that should
// have been percent-encoded.
std::string mask_uri(std::string_view uri);

// Local time of `ms` since the epoch as "2025.03.09.13.45.07", with_micros:
// "2025.03.09.13.45.07.120000".
std::string local_stamp(std::int64_t ms, bool with_micros);

}  // namespace fm
