// What an upload has done so far, in a local file that only grows: a JSON object
// a line, `uploading` before a transfer and `uploaded` when the store has
// confirmed the object. A line that was cut off counts as not written.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "bson/document.h"
#include "media/local_file.h"

namespace fm::media {

// Where manifests lie unless a file is named.
inline constexpr const char* kManifestFolder = "~/.fiftyone/migrator/media/";

class Manifest {
 public:
  struct Entry {
    std::string remote;
    FileState state;
    std::string sha256;
    std::string etag;
    std::string confirmed;  // how: sha256, md5, etag, size, read
    bool uploaded = false;
    std::string upload;  // of a file in parts that is under way: Content::begun
  };

  // Opens or makes it. Throws Error(kLocked) while another program has it open,
  // Error(kPrecondition) when it belongs to another request than `header`.
  Manifest(std::string path, const bson::Document& header);
  Manifest(const Manifest&) = delete;
  Manifest& operator=(const Manifest&) = delete;
  ~Manifest();

  // The entries of a manifest by local path; none of what is no manifest.
  static std::unordered_map<std::string, Entry> read(const std::string& path);

  const std::string& path() const { return path_; }
  // The last one of a local file, by earlier programs or this one.
  std::optional<Entry> find(const std::string& local) const;
  const std::unordered_map<std::string, Entry>& entries() const { return entries_; }
  // Thread-safe, and written when it returns.
  void add(const std::string& local, const Entry& entry);

 private:
  void load(const bson::Document& header);
  void write(const bson::Document& line);

  std::string path_;
  int fd_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace fm::media
