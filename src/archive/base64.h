// Base64 with the alphabet of RFC 4648 and padding.
#pragma once

#include <string>
#include <string_view>

namespace fm::archive {

// Both append to `out`. False for what is no base64; `out` is then undefined.
bool decode_base64(std::string_view text, std::string& out);
void encode_base64(std::string_view bytes, std::string& out);

}  // namespace fm::archive
