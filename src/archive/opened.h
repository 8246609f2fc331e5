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
  Opened(const std::string& path, bool keep) : path_(path), keep_(keep) {
    folder_ = unpacked_name(path) && !is_folder(path) ? unpack(path, fresh_) : path;
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  ~Opened() {
    if (fresh_ && !keep_) remove_unpacked(path_);
  }
  const std::string& folder() const { return folder_; }
  void keep(bool on) { keep_ = on; }

 private:
  std::string path_;
  std::string folder_;
  bool keep_;
  bool fresh_ = false;
};

}  // namespace fm::archive
