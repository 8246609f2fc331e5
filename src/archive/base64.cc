#include "archive/base64.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace fm::archive {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint32_t kNone = std::uint32_t{1} << 31;

// For each of the four places, what a character adds to the three bytes, the
// first of them lowest; kNone for what is not of the alphabet.
constexpr std::array<std::array<std::uint32_t, 256>, 4> make_places() {
  std::array<std::array<std::uint32_t, 256>, 4> out{};
  for (auto& place : out) {
    for (auto& value : place) value = kNone;
  }
  for (std::uint32_t i = 0; i < kAlphabet.size(); ++i) {
    const auto c = static_cast<std::uint8_t>(kAlphabet[i]);
    out[0][c] = i << 2;
    out[1][c] = i >> 4 | (i & 15) << 12;
    out[2][c] = i >> 2 << 8 | (i & 3) << 22;
    out[3][c] = i << 16;
  }
  return out;
}

// Two characters for each 12 bits.
constexpr std::array<std::array<char, 2>, 4096> make_pairs() {
  std::array<std::array<char, 2>, 4096> out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = {kAlphabet[i >> 6], kAlphabet[i & 63]};
  return out;
}

constexpr auto kPlaces = make_places();
constexpr auto kPairs = make_pairs();

std::uint32_t three_bytes(const char* four) {
  const auto at = [&](std::size_t i) { return kPlaces[i][static_cast<std::uint8_t>(four[i])]; };
  return at(0) | at(1) | at(2) | at(3);
}

}  // namespace

bool decode_base64(std::string_view text, std::string& out) {
  if (text.size() % 4 != 0) return false;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  const auto start = out.size();
  out.resize(start + text.size() / 4 * 3);
  char* to = out.data() + start;
  const char* from = text.data();
  const char* const last = from + text.size() - (padding > 0 ? 4 : 0);
  std::uint32_t seen = 0;
  for (; from < last; from += 4, to += 3) {
    const auto three = three_bytes(from);
    seen |= three;
    std::memcpy(to, &three, 3);
  }
  if (padding > 0) {
    const char four[4] = {from[0], from[1], padding == 1 ? from[2] : 'A', 'A'};
    const auto three = three_bytes(four);
    seen |= three;
    std::memcpy(to, &three, 3);
    out.resize(out.size() - padding);
  }
  if ((seen & kNone) == 0) return true;
  out.resize(start);
  return false;
}

void encode_base64(std::string_view bytes, std::string& out) {
  const auto start = out.size();
  out.resize(start + (bytes.size() + 2) / 3 * 4);
  char* to = out.data() + start;
  const auto* from = reinterpret_cast<const std::uint8_t*>(bytes.data());
  const auto put = [&](std::uint32_t three) {
    std::memcpy(to, kPairs[three >> 12].data(), 2);
    std::memcpy(to + 2, kPairs[three & 4095].data(), 2);
    to += 4;
  };
  auto left = bytes.size();
  for (; left > 2; left -= 3, from += 3) {
    put(std::uint32_t{from[0]} << 16 | std::uint32_t{from[1]} << 8 | from[2]);
  }
  if (left == 0) return;
  put(std::uint32_t{from[0]} << 16 | (left == 2 ? std::uint32_t{from[1]} << 8 : 0));
  to[-1] = '=';
  if (left == 1) to[-2] = '=';
}

}  // namespace fm::archive
