// Tables for people.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace fm::cli {

inline constexpr std::size_t kAnyWidth = 0;
// The most that a stored name takes in a table: one_line(name, kNameCells).
inline constexpr std::size_t kNameCells = 48;

// Cells in a line of the terminal that stdout is: COLUMNS, else what the
// terminal says. kAnyWidth where stdout is none, or does not know.
std::size_t output_width();

// The original's layout: column width = max(heading + 2, longest cell) in
// terminal cells, a rule of '-', two spaces between, left aligned, cells
// trimmed, lines right-trimmed; a newline in a cell makes another line. Where
// that is wider than `width`, the widest columns are made narrower and their
// cells go on in further lines: between words, and inside one that is too long.
// Columns keep some cells, and a column `run` of ids, which are to be copied, all of them, so in a very narrow
// terminal a line may be longer.
std::string text_table(const std::vector<std::string>& headings, const std::vector<std::vector<std::string>>& rows,
                       std::size_t width = output_width());

}  // namespace fm::cli
