// Tables for people.
#pragma once

#include <string>
#include <vector>

namespace fm::cli {

// The original's layout: column width = max(heading + 2, longest cell) in
// terminal cells, a rule of '-', two spaces between, left aligned, cells
// trimmed, lines right-trimmed; a newline in a cell makes another line.
std::string text_table(const std::vector<std::string>& headings, const std::vector<std::vector<std::string>>& rows);

}  // namespace fm::cli
