#include "server/start_log.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/error.h"
#include "bson/json.h"

namespace fm::server {

namespace {

constexpr std::size_t kShownLines = 10;
constexpr std::size_t kLongestLine = 400;

struct Line {
  char severity = 'I';  // of the server's: F, E, W, I, D
  std::string message;
  std::string detail;  // what the server adds: its error

  std::string text() const { return detail.empty() ? message : message + ": " + detail; }
  bool of_interest() const { return severity == 'F' || severity == 'E' || severity == 'W'; }
};

// Line ends become spaces, runs of spaces one.
std::string flat(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const char plain = static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    if (plain == ' ' && (out.empty() || out.back() == ' ')) continue;
    out.push_back(plain);
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  if (out.size() > kLongestLine) {
    // Not in the middle of a character.
    std::size_t end = kLongestLine;
    while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0) == 0x80) --end;
    out.resize(end);
    out += "...";
  }
  return out;
}

std::string text_at(const bson::Document& doc, std::string_view key) {
  const bson::Value* value = doc.find(key);
  const auto* text = value == nullptr ? nullptr : value->as<std::string>();
  return text == nullptr ? "" : flat(*text);
}

// The error of a line stands in attr.error (text, or a document with errmsg) or,
// where the storage engine speaks, in attr.message.
std::string detail_of(const bson::Document& attr) {
  for (const char* key : {"error", "message"}) {
    if (auto text = text_at(attr, key); !text.empty()) return text;
    const bson::Value* value = attr.find(key);
    const auto* doc = value == nullptr ? nullptr : value->as<bson::Document>();
    if (doc == nullptr) continue;
    for (const char* inner : {"errmsg", "msg"}) {
      auto text = text_at(*doc, inner);
      if (text.empty()) continue;
      const auto code = text_at(*doc, "error_str");
      return code.empty() ? text : text + " (" + code + ")";
    }
  }
  return "";
}

// What follows every crash and says nothing about its reason, by log id: fatal
// assertion, aborting, writing fatal message.
bool is_boilerplate(const bson::Document& doc) {
  constexpr std::array<std::int64_t, 5> kIds = {23089, 23090, 23091, 23092, 6384300};
  const bson::Value* id = doc.find("id");
  const auto number = id == nullptr ? std::nullopt : id->integer();
  return number && std::find(kIds.begin(), kIds.end(), *number) != kIds.end();
}

bool has_startup_warning_tag(const bson::Document& doc) {
  const bson::Value* tags = doc.find("tags");
  const auto* list = tags == nullptr ? nullptr : tags->as<bson::Array>();
  if (list == nullptr) return false;
  return std::any_of(list->begin(), list->end(), [](const bson::Value& tag) {
    const auto* text = tag.as<std::string>();
    return text != nullptr && *text == "startupWarnings";
  });
}

// The server writes its times as libbson does not read them ("+00:00").
std::string without_time(std::string_view raw) {
  constexpr std::string_view kTime = "{\"t\":{\"$date\":";
  const auto end = raw.starts_with(kTime) ? raw.find("},") : std::string_view::npos;
  return end == std::string_view::npos ? std::string(raw) : "{" + std::string(raw.substr(end + 2));
}

// A line as it is. Only what goes wrong before there is a log is no JSON.
std::optional<Line> plain(std::string_view raw) {
  auto text = flat(raw);
  if (text.empty()) return std::nullopt;
  constexpr std::string_view kSeverity = "\"s\":\"";
  const auto at = raw.find(kSeverity) + kSeverity.size();
  const bool is_log = raw.front() == '{' && at >= kSeverity.size() && at < raw.size();
  return Line{is_log ? raw[at] : 'E', std::move(text), ""};
}

std::optional<Line> parse(std::string_view raw) {
  if (raw.empty() || raw.front() != '{') return plain(raw);
  try {
    const bson::Document doc = bson::from_json(without_time(raw));
    if (is_boilerplate(doc) || has_startup_warning_tag(doc)) return std::nullopt;
    Line line;
    const auto severity = text_at(doc, "s");
    line.severity = severity.empty() ? 'I' : severity.front();
    line.message = text_at(doc, "msg");
    const bson::Value* attr = doc.find("attr");
    if (attr != nullptr && attr->as<bson::Document>() != nullptr) line.detail = detail_of(*attr->as<bson::Document>());
    return line;
  } catch (const Error&) {
    return plain(raw);
  }
}

std::vector<Line> parse_all(std::string_view text) {
  std::vector<Line> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (auto line = parse(text.substr(0, end))) lines.push_back(*std::move(line));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// The first error with a detail, what follows it is its consequence; else the
// first error; else the last warning.
std::string best_reason(const std::vector<Line>& lines) {
  const auto is_error = [](const Line& line) { return line.severity == 'F' || line.severity == 'E'; };
  const auto detailed = std::find_if(lines.begin(), lines.end(),
                                     [&](const Line& line) { return is_error(line) && !line.detail.empty(); });
  if (detailed != lines.end()) return detailed->text();
  const auto error = std::find_if(lines.begin(), lines.end(), is_error);
  if (error != lines.end()) return error->text();
  const auto warning =
      std::find_if(lines.rbegin(), lines.rend(), [](const Line& line) { return line.severity == 'W'; });
  return warning == lines.rend() ? "" : warning->text();
}

bool mentions(const std::vector<Line>& lines, std::string_view words) {
  return std::any_of(lines.begin(), lines.end(),
                     [words](const Line& line) { return line.text().find(words) != std::string::npos; });
}

}  // namespace

StartLog read_start_log(std::string_view text) {
  auto lines = parse_all(text);
  if (std::any_of(lines.begin(), lines.end(), [](const Line& l) { return l.of_interest(); })) {
    std::erase_if(lines, [](const Line& l) { return !l.of_interest(); });
  }
  StartLog log;
  log.reason = best_reason(lines);
  // "Unable to create/open the lock file" is DBPathInUse too, but a matter of rights.
  log.directory_in_use = mentions(lines, "DBPathInUse: Unable to lock the lock file");
  log.other_version = mentions(lines, "Invalid feature compatibility version") ||
                      mentions(lines, "invalid featureCompatibilityVersion") ||
                      mentions(lines, "too recent to start up on the existing data files") ||
                      mentions(lines, "unsupported WiredTiger file version");
  for (const auto& line : lines) {
    auto readable = line.text();
    // The storage engine says everything three times.
    if (log.lines.empty() || log.lines.back() != readable) log.lines.push_back(std::move(readable));
  }
  if (log.lines.size() > kShownLines) log.lines.erase(log.lines.begin(), log.lines.end() - kShownLines);
  return log;
}

}  // namespace fm::server
