#include "archive/base64.h"

#include <array>
#include <cstdint>

namespace fm::archive {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNone = 0xFF;

constexpr std::array<std::uint8_t, 256> make_values() {
  std::array<std::uint8_t, 256> out{};
  for (auto& value : out) value = kNone;
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    out[static_cast<std::uint8_t>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return out;
}

constexpr auto kValues = make_values();

}  // namespace

bool decode_base64(std::string_view text, std::string& out) {
  if (text.size() % 4 != 0) return false;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  const auto value = [&](std::size_t i) { return kValues[static_cast<std::uint8_t>(text[i])]; };
  out.reserve(out.size() + text.size() / 4 * 3);
  const std::size_t whole = padding > 0 ? text.size() - 4 : text.size();
  for (std::size_t i = 0; i < whole; i += 4) {
    const auto a = value(i);
    const auto b = value(i + 1);
    const auto c = value(i + 2);
    const auto d = value(i + 3);
    if ((a | b | c | d) > 63) return false;
    const char bytes[3] = {static_cast<char>(a << 2 | b >> 4), static_cast<char>(b << 4 | c >> 2),
                           static_cast<char>(c << 6 | d)};
    out.append(bytes, 3);
  }
  if (padding == 0) return true;
  const auto a = value(whole);
  const auto b = value(whole + 1);
  const auto c = padding == 1 ? value(whole + 2) : std::uint8_t{0};
  if ((a | b | c) > 63) return false;
  out += static_cast<char>(a << 2 | b >> 4);
  if (padding == 1) out += static_cast<char>(b << 4 | c >> 2);
  return true;
}

void encode_base64(std::string_view bytes, std::string& out) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  out.reserve(out.size() + (bytes.size() + 2) / 3 * 4);
  std::size_t i = 0;
  for (; i + 2 < bytes.size(); i += 3) {
    const std::uint32_t three = std::uint32_t{byte(i)} << 16 | std::uint32_t{byte(i + 1)} << 8 | byte(i + 2);
    const char four[4] = {kAlphabet[three >> 18], kAlphabet[three >> 12 & 63], kAlphabet[three >> 6 & 63],
                          kAlphabet[three & 63]};
    out.append(four, 4);
  }
  if (i == bytes.size()) return;
  const bool two = i + 2 == bytes.size();
  const std::uint32_t three = std::uint32_t{byte(i)} << 16 | (two ? std::uint32_t{byte(i + 1)} << 8 : 0);
  out += kAlphabet[three >> 18];
  out += kAlphabet[three >> 12 & 63];
  out += two ? kAlphabet[three >> 6 & 63] : '=';
  out += '=';
}

}  // namespace fm::archive
