#include "cli/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <utility>

#include "base/text.h"
#include "bson/json.h"
#include "cli/printable.h"
#include "revisions/catalogue.h"

namespace fm::cli {

namespace {

constexpr std::pair<const char*, LogLevel> kNames[] = {
    {"DEBUG", LogLevel::kDebug},  {"INFO", LogLevel::kInfo},         {"WARNING", LogLevel::kWarning},
    {"ERROR", LogLevel::kError},  {"CRITICAL", LogLevel::kCritical}, {"NOTSET", LogLevel::kDebug},
    {"WARN", LogLevel::kWarning}, {"FATAL", LogLevel::kCritical},
};

const char* level_name(LogLevel level) {
  return std::find_if(std::begin(kNames), std::end(kNames), [&](const auto& name) { return name.second == level; })
      ->first;
}

std::string utc_stamp() {
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto second = std::chrono::floor<std::chrono::seconds>(now);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(second)),
                     (now - second).count());
}

// As the original: a name it does not know is told and taken for INFO.
LogLevel configured_level(const Settings& settings) {
  const auto level = log_level(settings.logging_level);
  if (!level) std::fprintf(stderr, "Invalid logging level '%s'\n", settings.logging_level.c_str());
  return level.value_or(LogLevel::kInfo);
}

}  // namespace

std::optional<LogLevel> log_level(const std::string& name) {
  std::string upper = name;
  std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
  for (const auto& [known, level] : kNames) {
    if (upper == known) return level;
  }
  return std::nullopt;
}

Log Log::drop_in(const Settings& settings, bool stdout_is_result) {
  Log log;
  log.json_ = settings.logging_format == "json";
  std::FILE* out = stdout_is_result ? stderr : stdout;
  log.lines_ = out;
  if (settings.logging_destination == "stdout") {
    log.errors_ = out;
  } else if (settings.logging_destination != "stdout,stderr") {
    log.lines_ = stderr;
    log.json_ = false;
    log.least_ = LogLevel::kWarning;
    return log;
  }
  log.least_ = configured_level(settings);
  return log;
}

Log Log::to_stderr(const Settings& settings, bool quiet) {
  Log log;
  log.json_ = settings.logging_format == "json";
  log.least_ = quiet ? LogLevel::kError : configured_level(settings);
  return log;
}

std::string Log::line(LogLevel level, const std::string& text, const bson::Document& fields) const {
  if (!json_) return text + "\n";
  bson::Document line{{"timestamp", utc_stamp()},
                      {"severity", level_name(level)},
                      {"level", static_cast<std::int32_t>(level)},
                      {"logger", "fiftyone.migrations"},
                      {"message", clean_utf8(text)},
                      {"fiftyone_version", built_in_catalogue().client}};
  if (!run_.empty()) line.append("run", run_);
  for (const auto& [key, value] : fields) line.append(key, value);
  return bson::to_relaxed_json(line) + "\n";
}

void Log::write(LogLevel level, const std::string& text, const bson::Document& fields) const {
  if (level < least_) return;
  std::FILE* stream = level >= LogLevel::kError ? errors_ : lines_;
  const auto out = printable_on(fileno(stream), line(level, text, fields));
  std::fwrite(out.data(), 1, out.size(), stream);  // a name may hold a NUL
  std::fflush(stream);
}

bson::Document dataset_field(const std::string& name) {
  return name.empty() ? bson::Document() : bson::Document{{"dataset", clean_utf8(name)}};
}

}  // namespace fm::cli
