#include "cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/text.h"
#include "bson/json.h"

namespace fm::cli {

namespace {

using namespace std::chrono_literals;

constexpr auto kQuietStart = 1s;
constexpr auto kRenew = 100ms;
constexpr auto kPlainEvery = 5s;

std::size_t terminal_width() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string share(std::int64_t done, std::int64_t total) {
  return format_count(done) + "/" + format_count(total) +
         (total > 0 ? " (" + std::to_string(100 * done / total) + "%)" : "");
}

}  // namespace

Progress::Mode Progress::automatic() { return isatty(STDERR_FILENO) ? Mode::kTerminal : Mode::kPlain; }

Progress::Progress(Mode mode, const Log* log) : mode_(mode), start_(Clock::now()), shown_(start_) {
  if (!log || !log->json() || mode == Mode::kNone || mode == Mode::kJson) return;
  mode_ = Mode::kPlain;
  json_ = log;
}

void Progress::phase(const std::string& name, std::size_t datasets) {
  const std::lock_guard lock(mutex_);
  begin(name, datasets);
  if (mode_ == Mode::kJson) write_json();
}

void Progress::begin(const std::string& name, std::size_t datasets) {
  phase_ = name;
  total_ = datasets;
  done_ = 0;
  in_bytes_ = false;
  collection_.clear();
  start_ = Clock::now();
  shown_ = start_;
}

void Progress::phase(const std::string& name) {
  const std::lock_guard lock(mutex_);
  begin(name, 0);
  in_bytes_ = true;
  bytes_done_ = 0;
  bytes_total_ = 0;
  if (mode_ == Mode::kJson) write_json();
}

void Progress::bytes(std::int64_t done, std::int64_t total) {
  const std::lock_guard lock(mutex_);
  bytes_done_ = done;
  bytes_total_ = total;
  show();
}

void Progress::files(std::int64_t done, std::int64_t total) {
  files_done_ = done;
  files_total_ = total;
}

void Progress::datasets_done(std::size_t done) {
  const std::lock_guard lock(mutex_);
  done_ = done;
  show();
}

void Progress::collection(const std::string& name, std::int64_t done, std::int64_t total) {
  const std::lock_guard lock(mutex_);
  if (name != collection_) {
    collection_ = name;
    collection_start_ = Clock::now();
  }
  collection_done_ = done;
  collection_total_ = total;
  show();
}

std::string Progress::bytes_text() const {
  const auto elapsed = std::chrono::duration<double>(Clock::now() - start_).count();
  const auto part = static_cast<double>(bytes_done_) / static_cast<double>(std::max<std::int64_t>(1, bytes_total_));
  const auto shown = [](double bytes) { return format_bytes(static_cast<std::uint64_t>(bytes)); };
  auto out = phase_ + " " + (files_total_ > 0 ? share(files_done_, files_total_) + " files, " : "") +
             shown(static_cast<double>(bytes_done_)) + "/" + shown(static_cast<double>(bytes_total_)) + " (" +
             std::to_string(static_cast<int>(100 * part)) + "%), " +
             shown(static_cast<double>(bytes_done_) / std::max(0.001, elapsed)) + "/s";
  if (part > 0) out += ", about " + format_duration(elapsed / part - elapsed) + " left";
  return out;
}

bson::Document Progress::fields() const {
  bson::Document progress{{"phase", phase_}};
  if (in_bytes_) {
    progress.append("bytes", bytes_done_);
    progress.append("of_bytes", bytes_total_);
    if (files_total_ > 0) {
      progress.append("files", files_done_);
      progress.append("of_files", files_total_);
    }
  } else {
    progress.append("datasets", static_cast<std::int64_t>(done_));
    progress.append("of_datasets", static_cast<std::int64_t>(total_));
  }
  bson::Document out;
  if (!collection_.empty() && collection_done_ < collection_total_) {
    progress.append("documents", collection_done_);
    progress.append("of_documents", collection_total_);
    out.append("collection", clean_utf8(collection_));
  }
  out.append("progress", std::move(progress));
  return out;
}

std::string Progress::text() const {
  if (in_bytes_) return bytes_text();
  const auto seconds = [](Clock::duration d) { return std::chrono::duration<double>(d).count(); };
  const auto now = Clock::now();
  std::string out =
      phase_ + " " + share(static_cast<std::int64_t>(done_), static_cast<std::int64_t>(total_)) + " datasets";
  double elapsed = seconds(now - start_);
  double part = total_ > 0 ? static_cast<double>(done_) / static_cast<double>(total_) : 0;
  if (!collection_.empty() && collection_done_ < collection_total_) {
    const double rate = static_cast<double>(collection_done_) / std::max(0.001, seconds(now - collection_start_));
    out += ", " + collection_ + " " + share(collection_done_, collection_total_) + " documents, " +
           format_count(static_cast<std::int64_t>(rate)) + "/s";
    if (total_ <= 1) {
      part = static_cast<double>(collection_done_) / static_cast<double>(collection_total_);
      elapsed = seconds(now - collection_start_);
    }
  }
  if (part > 0) out += ", about " + format_duration(elapsed / part - elapsed) + " left";
  return out;
}

// {"progress": {"phase", "done", "total", "unit"}}, without a total where none is known.
void Progress::write_json() {
  shown_ = Clock::now();
  told_ = bytes_done_;
  const bool one_by_one = !in_bytes_ && total_ <= 1 && !collection_.empty();
  const auto done = in_bytes_ ? bytes_done_ : one_by_one ? collection_done_ : static_cast<std::int64_t>(done_);
  const auto total = in_bytes_ ? bytes_total_ : one_by_one ? collection_total_ : static_cast<std::int64_t>(total_);
  const bson::Document progress{{"phase", clean_utf8(phase_)},
                                {"done", done},
                                {"total", total},
                                {"unit", in_bytes_    ? "bytes"
                                         : one_by_one ? "documents"
                                                      : "datasets"}};
  std::fprintf(stderr, "%s\n", bson::to_relaxed_json(bson::Document{{"progress", progress}}).c_str());
}

void Progress::show() {
  if (mode_ == Mode::kNone) return;
  const auto time = Clock::now();
  if (mode_ == Mode::kJson) {
    const bool whole = in_bytes_ && bytes_done_ == bytes_total_ && told_ != bytes_done_;
    if (whole || time - shown_ >= kRenew) write_json();
    return;
  }
  if (time - start_ < kQuietStart) return;
  if (time - shown_ < (mode_ == Mode::kTerminal ? Clock::duration(kRenew) : Clock::duration(kPlainEvery))) return;
  shown_ = time;
  if (json_) {
    json_->write(LogLevel::kInfo, text(), fields());
    return;
  }
  if (mode_ == Mode::kPlain) {
    std::fprintf(stderr, "%s\n", text().c_str());
    return;
  }
  const auto shown = text();
  std::fprintf(stderr, "\r\033[K%s", one_line(shown, terminal_width() - 1).c_str());
  std::fflush(stderr);
  visible_ = true;
}

void Progress::clear() {
  const std::lock_guard lock(mutex_);
  if (!visible_) return;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
  visible_ = false;
}

}  // namespace fm::cli
