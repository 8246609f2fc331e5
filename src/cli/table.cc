#include "cli/table.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <numeric>
#include <string_view>

#include "base/text.h"
#include "cli/printable.h"

namespace fm::cli {

namespace {

constexpr std::size_t kHeadingRoom = 2;
constexpr std::string_view kBetween = "  ";
constexpr std::size_t kNarrowest = 8;
constexpr std::string_view kIds = "run";  // heading of a column that never gives way

using Lines = std::vector<std::string>;

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\v\f");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\v\f") - first + 1));
}

Lines lines_of(const std::string& stored) {
  Lines out;
  const auto cell = printable_on(STDOUT_FILENO, stored);
  std::size_t start = 0;
  for (;;) {
    const auto end = cell.find('\n', start);
    out.push_back(trimmed(cell.substr(start, end == std::string::npos ? end : end - start)));
    if (end == std::string::npos) return out;
    start = end + 1;
  }
}

// The longest beginning of at most `cells`, but a character at least.
std::string_view beginning(std::string_view text, std::size_t cells) {
  std::size_t bytes = 0;
  std::size_t width = 0;
  while (bytes < text.size()) {
    const auto next = first_code_points(text.substr(bytes), 1);
    width += display_width(next);
    if (width > cells && bytes > 0) break;
    bytes += next.size();
  }
  return text.substr(0, bytes);
}

void wrap(std::string_view line, std::size_t cells, Lines& out) {
  while (display_width(line) > cells) {
    auto part = beginning(line, cells);
    const auto blank = part.size() < line.size() && line[part.size()] == ' ' ? part.size() : part.rfind(' ');
    if (blank != std::string_view::npos && blank > 0) part = line.substr(0, blank);
    out.push_back(trimmed(part));
    line.remove_prefix(part.size());
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  }
  if (!line.empty() || out.empty()) out.emplace_back(line);
}

Lines wrapped(const Lines& lines, std::size_t cells) {
  Lines out;
  for (const auto& line : lines) {
    if (line.empty()) {
      out.emplace_back();
      continue;
    }
    Lines parts;
    wrap(line, cells, parts);
    out.insert(out.end(), parts.begin(), parts.end());
  }
  return out;
}

std::size_t widest(const Lines& lines) {
  std::size_t out = 0;
  for (const auto& line : lines) out = std::max(out, display_width(line));
  return out;
}

std::string padded_row(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) {
  std::string out;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) out += kBetween;
    out += cells[i];
    const auto width = display_width(cells[i]);
    if (width < widths[i]) out.append(widths[i] - width, ' ');
  }
  out.erase(out.find_last_not_of(' ') + 1);
  return out + "\n";
}

std::string padded_lines(const std::vector<Lines>& cells, const std::vector<std::size_t>& widths) {
  std::size_t height = 1;
  for (const auto& cell : cells) height = std::max(height, cell.size());
  std::string out;
  for (std::size_t y = 0; y < height; ++y) {
    std::vector<std::string> line;
    line.reserve(cells.size());
    for (const auto& cell : cells) line.push_back(y < cell.size() ? cell[y] : "");
    out += padded_row(line, widths);
  }
  return out;
}

// The widest give way first, all to the same width.
void fit(std::vector<std::size_t*> widths, std::size_t room) {
  if (widths.empty()) return;
  const auto total = [&](std::size_t most) {
    return std::accumulate(widths.begin(), widths.end(), std::size_t{0},
                           [&](std::size_t sum, const std::size_t* one) { return sum + std::min(*one, most); });
  };
  const auto between = kBetween.size() * (widths.size() - 1);
  auto most = **std::max_element(widths.begin(), widths.end(),
                                 [](const std::size_t* a, const std::size_t* b) { return *a < *b; });
  while (most > kNarrowest && total(most) + between > room) --most;
  const auto left = room - std::min(room, total(most) + between);
  auto more = left;  // one cell each, so that none is wasted
  for (auto* width : widths) {
    if (*width <= most) continue;
    *width = most + (more > 0 ? 1 : 0);
    more -= std::min<std::size_t>(more, 1);
  }
}

}  // namespace

std::size_t output_width() {
  if (isatty(STDOUT_FILENO) == 0) return kAnyWidth;
  if (const char* columns = std::getenv("COLUMNS")) {
    const std::string_view text = columns;
    std::size_t width = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), width);
    if (error == std::errc() && end == text.data() + text.size() && width > 0) return width;
  }
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : kAnyWidth;
}

std::string text_table(const std::vector<std::string>& headings, const std::vector<std::vector<std::string>>& rows,
                       std::size_t width) {
  std::vector<std::size_t> widths;
  widths.reserve(headings.size());
  for (const auto& heading : headings) widths.push_back(display_width(heading) + kHeadingRoom);
  std::vector<std::vector<Lines>> table;
  for (const auto& row : rows) {
    auto& cells = table.emplace_back();
    for (std::size_t x = 0; x < row.size(); ++x) {
      cells.push_back(lines_of(row[x]));
      widths[x] = std::max(widths[x], widest(cells.back()));
    }
  }
  if (width != kAnyWidth) {
    std::vector<std::size_t*> narrower;
    auto room = width;
    for (std::size_t x = 0; x < widths.size(); ++x) {
      if (headings[x] == kIds) {
        room -= std::min(room, widths[x] + kBetween.size());
      } else {
        narrower.push_back(&widths[x]);
      }
    }
    fit(narrower, room);
  }
  const auto print = [&](const std::vector<Lines>& row) {
    std::vector<Lines> cells;
    for (std::size_t x = 0; x < row.size(); ++x) cells.push_back(wrapped(row[x], widths[x]));
    return padded_lines(cells, widths);
  };
  std::vector<Lines> head;
  for (const auto& heading : headings) head.push_back({heading});
  std::string out = print(head);
  std::vector<std::string> rule;
  rule.reserve(widths.size());
  for (const auto cells : widths) rule.emplace_back(cells, '-');
  out += padded_row(rule, widths);
  for (const auto& row : table) out += print(row);
  return out;
}

}  // namespace fm::cli
