#include "cli/table.h"

#include <algorithm>

#include "base/text.h"

namespace fm::cli {

namespace {

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r\v\f");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r\v\f") - first + 1);
}

std::vector<std::string> lines_of(const std::string& cell) {
  std::vector<std::string> out;
  std::size_t start = 0;
  for (;;) {
    const auto end = cell.find('\n', start);
    out.push_back(trimmed(cell.substr(start, end == std::string::npos ? end : end - start)));
    if (end == std::string::npos) return out;
    start = end + 1;
  }
}

std::string padded_row(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) {
  std::string out;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) out += "  ";
    out += cells[i];
    const auto width = display_width(cells[i]);
    if (width < widths[i]) out.append(widths[i] - width, ' ');
  }
  out.erase(out.find_last_not_of(' ') + 1);
  return out + "\n";
}

}  // namespace

std::string text_table(const std::vector<std::string>& headings, const std::vector<std::vector<std::string>>& rows) {
  constexpr std::size_t kHeadingRoom = 2;
  std::vector<std::size_t> widths;
  widths.reserve(headings.size());
  for (const auto& heading : headings) widths.push_back(display_width(heading) + kHeadingRoom);
  std::vector<std::vector<std::string>> lines;
  for (const auto& row : rows) {
    std::vector<std::vector<std::string>> cells;
    std::size_t height = 1;
    for (const auto& cell : row) {
      cells.push_back(lines_of(cell));
      height = std::max(height, cells.back().size());
    }
    for (std::size_t y = 0; y < height; ++y) {
      std::vector<std::string> text_line;
      for (std::size_t x = 0; x < cells.size(); ++x) {
        text_line.push_back(y < cells[x].size() ? cells[x][y] : "");
        widths[x] = std::max(widths[x], display_width(text_line.back()));
      }
      lines.push_back(std::move(text_line));
    }
  }
  std::string out = padded_row(headings, widths);
  std::vector<std::string> rule;
  rule.reserve(widths.size());
  for (const auto width : widths) rule.emplace_back(width, '-');
  out += padded_row(rule, widths);
  for (const auto& text_line : lines) out += padded_row(text_line, widths);
  return out;
}

}  // namespace fm::cli
