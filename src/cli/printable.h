// Stored text on its way to people.
#pragma once

#include <string>
#include <string_view>

namespace fm::cli {

// The text with a space for each control character but newline and tab, of
// either set (C0, C1): names are data, and must not steer a terminal.
std::string printable(std::string_view text);

// The same where that file descriptor is a terminal; elsewhere as it is.
std::string printable_on(int fd, std::string_view text);

// A whole result: the styles of Style stay, wherever they stand.
std::string printable_styled_on(int fd, std::string_view text);

// "v1.2.3", also of a version that is stored or typed with its v.
std::string version_text(std::string_view version);

}  // namespace fm::cli
