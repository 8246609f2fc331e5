// Log lines: plain texts, or a JSON object each.
#pragma once

#include <cstdio>
#include <optional>
#include <string>

#include "bson/document.h"
#include "config/settings.h"

namespace fm::cli {

// Numbers and names are those of the original's "level" and "severity".
enum class LogLevel : int { kDebug = 10, kInfo = 20, kWarning = 30, kError = 40, kCritical = 50 };

// By name, in any case.
std::optional<LogLevel> log_level(const std::string& name);

class Log {
 public:
  // What the original does (spec runner 4): lines on stdout, errors apart with
  // "stdout,stderr", and with any other destination only warnings, on stderr as
  // they are. When stdout carries a result, stderr takes its place.
  static Log drop_in(const Settings& settings, bool stdout_is_result);

  // Everything on stderr; only errors when `quiet`.
  static Log to_stderr(const Settings& settings, bool quiet);

  void info(const std::string& text) const { write(LogLevel::kInfo, text); }
  void warning(const std::string& text) const { write(LogLevel::kWarning, text); }
  // `fields` stand in a JSON line only: dataset, collection, ...
  void write(LogLevel level, const std::string& text, const bson::Document& fields = {}) const;
  // With the newline, whatever the least level is.
  std::string line(LogLevel level, const std::string& text, const bson::Document& fields = {}) const;
  // From now on every JSON line has it.
  void name_run(const std::string& run) { run_ = run; }

  bool json() const { return json_; }

 private:
  LogLevel least_ = LogLevel::kInfo;
  bool json_ = false;
  std::string run_;
  std::FILE* lines_ = stderr;
  std::FILE* errors_ = stderr;
};

// {dataset: NAME}; empty for none.
bson::Document dataset_field(const std::string& name);

}  // namespace fm::cli
