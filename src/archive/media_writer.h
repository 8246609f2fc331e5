// Media of an export: named in the order of the documents, copied by threads.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "archive/file_names.h"
#include "archive/media_fields.h"
#include "archive/replaced.h"

namespace fm::archive {

enum class MediaMode { kCopy, kMove, kSymlink, kNone };

class MediaWriter {
 public:
  // `folder` is the archive under way; `rel_dir` absolute and normal; `replaced`
  // what it will take the place of, if anything: no media may lie there.
  MediaWriter(std::string folder, MediaMode mode, std::optional<std::string> rel_dir, std::size_t chunk_size,
              std::size_t jobs, const std::optional<Replaced>& replaced);
  MediaWriter(const MediaWriter&) = delete;
  MediaWriter& operator=(const MediaWriter&) = delete;
  ~MediaWriter();

  // Makes the paths of a document those of the archive, and has the files
  // copied. Paths that name a scheme are left alone. Documents come in their
  // order, one at a time; with kNone in any, from any thread. Throws Error
  // (kMismatch) naming file and sample where one is missing, Error(kPrecondition)
  // where one lies in `replaced`; a copy that fails is thrown here later, or by
  // finish().
  void edit(bson::Document& document, const std::vector<MediaField>& fields, bool frames);
  // Waits for all copies; what `checkpoint`, which is called again and again, throws ends that.
  void finish(const std::function<void()>& checkpoint);
  // kMove, once the archive is complete: the files at their old places go, and
  // links, but not what those lead to. Gives a sentence about what stayed.
  std::optional<std::string> remove_sources();

  std::int64_t files() const { return files_; }
  std::int64_t bytes() const { return bytes_; }
  std::int64_t left_alone() const { return left_alone_; }  // paths with a scheme

 private:
  struct Copy {
    std::string from;
    std::string to;  // relative to the archive
  };
  void path(std::string& path, FileNames& names, const std::string& sample);
  void scene(const std::string& from, const std::string& to, FileNames& names, const std::string& sample);
  void put(Copy copy, const std::string& sample);
  void work();
  void copy(const Copy& one);
  FileNames& names_of(const std::string& field);

  std::string folder_;
  MediaMode mode_;
  std::optional<std::string> rel_dir_;
  std::size_t chunk_size_;
  const std::optional<Replaced>& replaced_;
  std::map<std::string, FileNames> names_;  // by folder
  std::vector<std::string> sources_;        // kMove
  std::int64_t files_ = 0;
  std::int64_t left_alone_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Copy> waiting_;
  std::size_t busy_ = 0;
  std::int64_t bytes_ = 0;
  bool ending_ = false;
  std::exception_ptr error_;
  std::vector<std::thread> threads_;
};

// The assets that a 3D scene names: calls edit(path) for each, and gives the
// scene with what they became. All else stays to the byte.
std::string edit_scene(const std::string& scene, const std::function<std::string(const std::string&)>& edit);

}  // namespace fm::archive
