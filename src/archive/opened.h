// The folder of an archive that may be one file.
#pragma once

#include <string>

#include "archive/files.h"
#include "archive/packed.h"

namespace fm::archive {

class Opened {
 public:
  // Unpacks what is packed. With `keep` the folder stays: media that are in it
  // are named by samples. Else it goes again with this, unless it was there before.
  Opened(const std::string& path, bool keep, const Observer& observer) : path_(path), keep_(keep) {
    folder_ = is_packed(path) ? unpack(path, fresh_, observer) : path;
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  ~Opened() {
    if (fresh_ && !keep_) remove_unpacked(path_);
  }
  const std::string& folder() const { return folder_; }
  void keep(bool on) { keep_ = on; }

  static bool is_packed(const std::string& path) { return unpacked_name(path) && !is_folder(path); }

 private:
  std::string path_;
  std::string folder_;
  bool keep_;
  bool fresh_ = false;
};

// The same to look at: unpacked in the folder for temporary files (TMPDIR), and
// gone with this. Nothing is written beside the file.
class Glimpse {
 public:
  Glimpse(const std::string& path, const Observer& observer);
  Glimpse(const Glimpse&) = delete;
  Glimpse& operator=(const Glimpse&) = delete;
  ~Glimpse();
  const std::string& folder() const { return folder_; }

 private:
  std::string folder_;
  std::string temporary_;
};

}  // namespace fm::archive
