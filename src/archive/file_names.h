// Names of media files in an archive, as the original gives them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace fm::archive {

// One folder of an archive: "data", or "fields/seg". Deterministic: the names
// depend on the order in which inputs come. Memory: about 200 bytes for each
// input. Unlike the original's, a name is never given twice (spec: B-14).
class FileNames {
 public:
  // `rel_dir` (absolute, normal) is cut from inputs, which then keep their
  // folders below it; `chunk_size` puts so many files into each subfolder.
  FileNames(std::string folder, std::optional<std::string> rel_dir, std::size_t chunk_size);

  struct Name {
    std::string path;    // relative to the archive, with '/'
    bool first = false;  // of this input
  };
  // `input` is absolute and normal.
  Name name(const std::string& input);

 private:
  std::string folder_;
  std::optional<std::string> rel_dir_;
  std::size_t chunk_size_;
  std::size_t given_ = 0;
  std::unordered_map<std::string, std::string> by_input_;
  std::unordered_map<std::string, std::size_t> counts_;
  std::unordered_set<std::string> used_;
};

}  // namespace fm::archive
