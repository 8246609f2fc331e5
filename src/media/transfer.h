// Bringing one planned file to its place, and being sure of it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "media/bandwidth.h"
#include "media/manifest.h"
#include "media/upload_plan.h"

namespace fm::media {

struct FileResult {
  enum class State { kWaiting, kUploaded, kCopied, kAdopted, kKnown, kFailed } state = State::kWaiting;
  std::string error;  // of kFailed
  bool done() const { return state != State::kWaiting; }
  bool good() const { return done() && state != State::kFailed; }
};

// Thread-safe. Files may be renamed in the plan while they are transferred.
class Transfer {
 public:
  Transfer(UploadPlan& plan, const UploadRequest& request, Stores& stores, Manifest* manifest);

  // Transfers a file unless it is there; retries what may succeed later, with
  // growing pauses. A scene waits for its assets, which have to be under way.
  // Returns a failure of this file as its result; throws what would be the same
  // for every file (credentials, no bucket, no such server).
  FileResult run(std::size_t index);

  bool done(std::size_t index) const;
  // The result of a file; kWaiting before its end.
  FileResult result(std::size_t index) const;
  // The path that the database is to name; valid once the file is done.
  std::string remote_path(std::size_t index) const;
  // Uploaded so far, with parts of files under way.
  std::int64_t bytes_done() const { return bytes_done_; }
  // Of files and parts that the store had already.
  std::int64_t bytes_kept() const { return bytes_kept_; }
  // Makes waiting scenes and large files under way give up; small ones end.
  void stop();

 private:
  FileResult attempt(std::size_t index);
  FileResult upload(std::size_t index, ObjectStore& store);
  FileResult copy(std::size_t index, ObjectStore& store);
  FileResult upload_scene(std::size_t index, ObjectStore& store);
  std::string scene_content(std::size_t index);
  bool wait_for_assets(std::size_t index);
  // Whether an object of the destination has the content of the file.
  using Same = std::function<bool(const std::string& key, const ObjectFacts& facts)>;
  // The result where nothing has to be sent, else the manifest says that it begins;
  // `unfinished` is what an earlier attempt has begun.
  std::optional<FileResult> there(std::size_t index, const FileState& state, ObjectStore& store, const Same& same,
                                  std::string& unfinished);
  // Of what was sent; computed when they are asked for.
  struct Hashes {
    std::int64_t size;
    std::function<std::string()> sha256;
    std::function<std::string(bool parts)> md5;
  };
  struct Confirmed {
    std::string how;   // sha256, md5, etag, size, read
    std::string etag;  // that the object has as long as it is the same; may be empty
  };
  // Throws where the store has something else than was sent. `answer`: what it
  // said when it took it.
  Confirmed confirm(ObjectStore& store, const Location& place, std::optional<ObjectFacts> answer, const Hashes& local);
  // Of what the store copied from an object of its own.
  Confirmed confirm_copy(ObjectStore& store, const Location& place, const ObjectFacts& from, const Hashes& hashes);
  // Decides over an object that is there already. True: adopted.
  bool settle(std::size_t index, ObjectStore& store, const Same& same);
  Attributes attributes(const std::string& path) const;
  Location place(std::size_t index) const;

  UploadPlan& plan_;
  const UploadRequest& request_;
  Stores& stores_;
  Manifest* manifest_;
  mutable std::mutex mutex_;  // over names and results
  std::condition_variable ended_;
  std::vector<FileResult> results_;
  std::atomic<std::int64_t> bytes_done_ = 0;
  std::atomic<std::int64_t> bytes_kept_ = 0;
  std::atomic<bool> stopped_ = false;
  Bandwidth bandwidth_;
};

}  // namespace fm::media
