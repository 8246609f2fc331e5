// Pieces of an HTML page. What people have named is taken for hostile.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "cli/printable.h"

namespace fm::cli::page {

inline std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : clean_utf8(std::string(text))) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        // A page may not hold NUL, and the other control characters are no text.
        out += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? ' ' : c;
    }
  }
  return out;
}

// A text that may be written in any direction.
inline std::string name(std::string_view text) { return "<bdi>" + escaped(text) + "</bdi>"; }

inline std::string count(std::int64_t n) { return format_count(n); }
inline std::string count(std::size_t n) { return format_count(static_cast<std::int64_t>(n)); }

inline std::string bytes(std::int64_t n) {
  return format_bytes(static_cast<std::uint64_t>(std::max<std::int64_t>(n, 0)));
}

// A table that becomes a list of cards on a phone.
class Rows {
 public:
  struct Column {
    const char* heading;
    const char* look;  // "name", "number", "short" or "text"
  };
  // `plain`: narrow enough to stay a table there.
  explicit Rows(std::vector<Column> columns, bool plain = false) : columns_(std::move(columns)), plain_(plain) {}

  void add(const std::vector<std::string>& cells) {
    body_ += "<tr>";
    for (std::size_t i = 0; i < cells.size(); ++i) {
      body_ += std::string("<td class=\"") + columns_[i].look + "\" data-label=\"" + columns_[i].heading + "\">" +
               cells[i] + "</td>";
    }
    body_ += "</tr>\n";
  }
  std::string table() const {
    std::string head;
    for (const auto& column : columns_) {
      head += std::string("<th scope=\"col\" class=\"") + column.look + "\">" + column.heading + "</th>";
    }
    return std::string("<table class=\"") + (plain_ ? "plain" : "stacked") + "\">\n<thead><tr>" + head +
           "</tr></thead>\n<tbody>\n" + body_ + "</tbody></table>\n";
  }

 private:
  std::vector<Column> columns_;
  bool plain_;
  std::string body_;
};

}  // namespace fm::cli::page
