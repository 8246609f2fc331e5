// The folder that an export with `overwrite` takes the place of. It goes with
// all that is in it, so it must be an archive whose media nobody names.
#pragma once

#include <string>

#include "store/mongo.h"

namespace fm::archive {

class Replaced {
 public:
  // Throws Error(kPrecondition) where the folder holds no archive.
  explicit Replaced(const std::string& folder);

  // Throws Error(kPrecondition) where `source`, absolute and normal, lies in it,
  // by its path or by where links lead. `sample` names it. Any thread.
  void keep_out(const std::string& source, const std::string& sample) const;
  // The same for the samples' media of all datasets of the database, by the
  // paths alone. A look into the index of `filepath` for each.
  void keep_out_datasets(Mongo& mongo) const;

 private:
  std::string path_;
  std::string real_;  // the same without links
};

}  // namespace fm::archive
