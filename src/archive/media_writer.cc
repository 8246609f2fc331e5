#include "archive/media_writer.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>

#include "archive/files.h"
#include "archive/paths.h"
#include "backup/disk.h"
#include "base/error.h"

namespace fm::archive {

namespace fs = std::filesystem;

using bson::Document;

namespace {

constexpr std::size_t kWaiting = 1000;
constexpr std::chrono::milliseconds kLook{50};

[[noreturn]] void fail(const std::string& from, const std::string& to, const std::error_code& error) {
  const auto what = "Could not copy " + from + " to " + to + ": " + error.message();
  if (error == std::errc::no_space_on_device) {
    throw Error(Exit::kPrecondition, what, "Make room there, or leave the media where they are: --media none.");
  }
  throw Error(Exit::kFailed, what);
}

// The content, also where a link leads to it, and who may read it.
void copy_content(const std::string& from, const std::string& to) {
  dump::OutputFile file(to, 0666);
  read_pieces(from, [&](std::string_view piece) { file.write(piece); });
  file.close();
  std::error_code ignored;  // some file systems have no rights
  fs::permissions(to, fs::status(from, ignored).permissions(), ignored);
}

std::string id_of(const Document& document) {
  const auto* id = document.find("_id");
  const auto* oid = id ? id->as<bson::Oid>() : nullptr;
  return oid ? oid->hex() : "without an id";
}

}  // namespace

MediaWriter::MediaWriter(std::string folder, MediaMode mode, std::optional<std::string> rel_dir, std::size_t chunk_size,
                         std::size_t jobs, const std::optional<Replaced>& replaced)
    : folder_(std::move(folder)),
      mode_(mode),
      rel_dir_(std::move(rel_dir)),
      chunk_size_(chunk_size),
      replaced_(replaced) {
  if (mode_ == MediaMode::kNone) return;
  for (std::size_t i = 0; i < std::max<std::size_t>(1, jobs); ++i) threads_.emplace_back([this] { work(); });
}

MediaWriter::~MediaWriter() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    waiting_.clear();
  }
  changed_.notify_all();
  for (auto& thread : threads_) thread.join();
}

FileNames& MediaWriter::names_of(const std::string& folder) {
  const auto found = names_.find(folder);
  if (found != names_.end()) return found->second;
  return names_.emplace(folder, FileNames(folder, rel_dir_, chunk_size_)).first->second;
}

void MediaWriter::edit(Document& document, const std::vector<MediaField>& fields, bool frames) {
  const bool copies = mode_ != MediaMode::kNone;
  const auto sample = id_of(document);
  const auto strip = [&](std::string& path) {
    if (replaced_ && !path.empty() && !has_scheme(path)) replaced_->keep_out(absolute(path), sample);
    if (!rel_dir_) return;
    if (auto rest = below(path, *rel_dir_)) path = std::move(*rest);
  };
  auto* filepath = frames ? nullptr : document.find("filepath");
  if (auto* text = filepath ? filepath->as<std::string>() : nullptr) {
    copies ? path(*text, names_of("data"), sample) : strip(*text);
  }
  for (const auto& field : fields) {
    for_each_path(document, field, [&](std::string& text) {
      copies ? path(text, names_of("fields/" + field.name), sample) : strip(text);
    });
  }
}

void MediaWriter::path(std::string& text, FileNames& names, const std::string& sample) {
  if (text.empty()) return;
  if (has_scheme(text)) {
    ++left_alone_;
    return;
  }
  const auto from = absolute(text);
  const auto [to, first] = names.name(from);
  text = to;
  if (!first) return;
  if (replaced_) replaced_->keep_out(from, sample);
  if (from.ends_with(".fo3d")) return scene(from, to, names, sample);
  put({from, to}, sample);
}

void MediaWriter::scene(const std::string& from, const std::string& to, FileNames& names, const std::string& sample) {
  if (!is_file(from)) {
    throw Error(Exit::kMismatch, "There is no file " + from + ", which sample " + sample + " names",
                "Restore it, or export without media: --media none.");
  }
  const auto before = read_whole(from);
  const auto scene_folder = fs::path(to).parent_path();
  const auto after = edit_scene(before, [&](const std::string& asset) {
    if (has_scheme(asset)) return asset;
    const auto source = join_normal(fs::path(from).parent_path().string(), asset);
    const auto [target, first] = names.name(source);
    if (first && replaced_) replaced_->keep_out(source, sample);
    if (first) put({source, target}, sample);
    return fs::path(target).lexically_relative(scene_folder).string();
  });
  if (after == before) return put({from, to}, sample);
  const auto path = folder_ + "/" + to;
  fs::create_directories(fs::path(path).parent_path());
  dump::OutputFile file(path, 0666);
  file.write(after);
  file.close();
  ++files_;
  if (mode_ == MediaMode::kMove) sources_.push_back(from);
}

void MediaWriter::put(Copy one, const std::string& sample) {
  // The original does not look either where it only makes links.
  if (mode_ != MediaMode::kSymlink && !is_file(one.from)) {
    throw Error(Exit::kMismatch, "There is no file " + one.from + ", which sample " + sample + " names",
                "Restore it, or export without media: --media none.");
  }
  ++files_;
  if (mode_ == MediaMode::kMove) sources_.push_back(one.from);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return error_ || waiting_.size() < kWaiting; });
  if (error_) std::rethrow_exception(error_);
  waiting_.push_back(std::move(one));
  changed_.notify_all();
}

void MediaWriter::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return ending_ || !waiting_.empty(); });
    if (ending_) return;
    const auto one = std::move(waiting_.front());
    waiting_.pop_front();
    ++busy_;
    lock.unlock();
    std::exception_ptr error;
    try {
      copy(one);
    } catch (...) {
      error = std::current_exception();
    }
    const auto size = file_size(folder_ + "/" + one.to);
    lock.lock();
    --busy_;
    bytes_ += mode_ == MediaMode::kSymlink ? 0 : size;
    if (error && !error_) error_ = error;
    changed_.notify_all();
  }
}

void MediaWriter::copy(const Copy& one) {
  const auto to = folder_ + "/" + one.to;
  std::error_code error;
  fs::create_directories(fs::path(to).parent_path(), error);
  if (error) fail(one.from, to, error);
  if (mode_ == MediaMode::kSymlink) {
    fs::create_symlink(one.from, to, error);
  } else {
    // Until the archive is complete a moved file has two names. A link is not
    // moved itself: it may be relative, and archives hold files.
    bool linked = false;
    if (mode_ == MediaMode::kMove && !fs::is_symlink(one.from)) {
      fs::create_hard_link(one.from, to, error);
      linked = !error;
    }
    error.clear();
    if (!linked) copy_content(one.from, to);
  }
  if (error) fail(one.from, to, error);
}

void MediaWriter::finish(const std::function<void()>& checkpoint) {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, kLook, [&] { return error_ || (waiting_.empty() && busy_ == 0); })) checkpoint();
  if (error_) std::rethrow_exception(error_);
}

std::optional<std::string> MediaWriter::remove_sources() {
  std::size_t stayed = 0;
  std::string first;
  for (const auto& source : sources_) {
    std::error_code error;
    fs::remove(source, error);
    if (error && ++stayed == 1) first = source + ": " + error.message();
  }
  if (stayed == 0) return std::nullopt;
  return std::to_string(stayed) + (stayed == 1 ? " media file is" : " media files are") +
         " in the archive, but could not be removed from the old place. The first: " + first;
}

}  // namespace fm::archive
