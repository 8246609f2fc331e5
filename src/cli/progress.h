// Progress on stderr: one line that renews itself on a terminal, a line every
// few seconds elsewhere, nothing for short work; for programs a line of JSON at
// the begin of each phase and then ten a second. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

#include "cli/log.h"

namespace fm::cli {

class Progress {
 public:
  enum class Mode { kNone, kPlain, kTerminal, kJson };
  // Terminal or plain, by what stderr is.
  static Mode automatic();

  // A log of JSON lines takes the place of the plain ones.
  explicit Progress(Mode mode, const Log* log = nullptr);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }

  void phase(const std::string& name, std::size_t datasets);
  // A phase that counts bytes alone.
  void phase(const std::string& name);
  void bytes(std::int64_t done, std::int64_t total);
  // Beside bytes; shown with the next call of bytes().
  void files(std::int64_t done, std::int64_t total);
  void datasets_done(std::size_t done);
  void collection(const std::string& name, std::int64_t done, std::int64_t total);
  // Takes the line away, so that something else can be printed.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  void begin(const std::string& name, std::size_t datasets);
  void show();
  void write_json();
  std::string text() const;
  std::string bytes_text() const;

  bson::Document fields() const;

  Mode mode_;
  const Log* json_ = nullptr;
  std::string phase_;
  std::size_t total_ = 0;
  std::size_t done_ = 0;
  bool in_bytes_ = false;
  std::int64_t bytes_done_ = 0;
  std::int64_t bytes_total_ = 0;
  std::int64_t told_ = 0;  // of bytes, as JSON
  std::int64_t files_done_ = 0;
  std::int64_t files_total_ = 0;
  std::string collection_;
  std::int64_t collection_done_ = 0;
  std::int64_t collection_total_ = 0;
  Clock::time_point collection_start_;
  Clock::time_point start_;
  Clock::time_point shown_;
  bool visible_ = false;
  std::mutex mutex_;
};

}  // namespace fm::cli
