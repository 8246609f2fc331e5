#include "media/manifest.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "bson/json.h"
#include "bson/read.h"

namespace fm::media {

using bson::Document;

namespace {

[[noreturn]] void unusable(const std::string& path, int error) {
  throw Error(error == EACCES ? Exit::kRights : Exit::kFailed, "The manifest '" + path + "': " + std::strerror(error),
              "--manifest FILE keeps it elsewhere.", "OSError");
}

Manifest::Entry decode(const Document& document) {
  Manifest::Entry entry;
  entry.remote = bson::text_at(document, "remote");
  entry.state = {bson::integer_at(document, "size"), bson::integer_at(document, "mtime_ns"),
                 bson::text_at(document, "source_etag")};
  entry.sha256 = bson::text_at(document, "sha256");
  entry.etag = bson::text_at(document, "etag");
  entry.confirmed = bson::text_at(document, "confirmed");
  entry.uploaded = bson::text_at(document, "state") == "uploaded";
  entry.upload = bson::text_at(document, "upload_id");
  return entry;
}

}  // namespace

std::unordered_map<std::string, Manifest::Entry> Manifest::read(const std::string& path) {
  std::unordered_map<std::string, Entry> out;
  std::ifstream in(path);
  bool first = true;
  for (std::string line; std::getline(in, line) && !in.eof(); first = false) {
    try {
      const auto document = bson::from_json(line);
      if (first && !document.has("upload")) return {};
      if (!first) out[bson::text_at(document, "local")] = decode(document);
    } catch (const Error&) {
      break;
    }
  }
  return out;
}

Manifest::Manifest(std::string path, const Document& header) : path_(std::move(path)) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), error);
  fd_ = open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd_ < 0) unusable(path_, errno);
  if (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    close(fd_);
    throw Error(Exit::kLocked, "Another program uploads with the manifest '" + path_ + "'");
  }
  try {
    load(header);
  } catch (...) {
    close(fd_);
    throw;
  }
}

Manifest::~Manifest() { close(fd_); }

void Manifest::load(const Document& header) {
  std::ifstream in(path_);
  std::string line;
  std::int64_t whole = 0;
  bool first = true;
  while (std::getline(in, line)) {
    if (in.eof()) break;  // without its end: cut off
    Document document;
    try {
      document = bson::from_json(line);
    } catch (const Error&) {
      throw Error(Exit::kFailed, "The manifest '" + path_ + "' is damaged", "Move it away to begin anew.");
    }
    whole += static_cast<std::int64_t>(line.size()) + 1;
    if (first) {
      first = false;
      const auto* found = document.find("upload");
      if (found && *found == bson::Value(header)) continue;
      throw Error(Exit::kPrecondition, "The manifest '" + path_ + "' belongs to another upload",
                  "Name another file by --manifest.");
    }
    entries_[bson::text_at(document, "local")] = decode(document);
  }
  if (ftruncate(fd_, whole) != 0) unusable(path_, errno);
  if (first) write(Document{{"upload", header}});
}

void Manifest::write(const Document& line) {
  const auto text = bson::to_relaxed_json(line) + "\n";
  // One call: a line is there or it is not.
  const auto n = ::write(fd_, text.data(), text.size());
  if (n != static_cast<ssize_t>(text.size())) unusable(path_, n < 0 ? errno : ENOSPC);
}

std::optional<Manifest::Entry> Manifest::find(const std::string& local) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(local);
  return found == entries_.end() ? std::nullopt : std::optional<Entry>(found->second);
}

void Manifest::add(const std::string& local, const Entry& entry) {
  Document line{{"state", entry.uploaded ? "uploaded" : "uploading"},
                {"local", local},
                {"remote", entry.remote},
                {"size", entry.state.size},
                {"mtime_ns", entry.state.mtime_ns}};
  if (!entry.state.etag.empty()) line.append("source_etag", entry.state.etag);
  if (entry.uploaded) {
    line.append("sha256", entry.sha256);
    line.append("etag", entry.etag);
    line.append("confirmed", entry.confirmed);
  } else if (!entry.upload.empty()) {
    line.append("upload_id", entry.upload);
  }
  const std::lock_guard lock(mutex_);
  write(line);
  entries_[local] = entry;
}

}  // namespace fm::media
