// Reading samples/ or frames/: one file for each document, in the order of the
// names.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "archive/text_batch.h"

namespace fm::archive {

class DocumentFolder final : public TextSource {
 public:
  // Memory: the names, and one batch. Throws Error(kMismatch) when the folder
  // cannot be listed.
  explicit DocumentFolder(const std::string& path, std::size_t batch_bytes = std::size_t{2} << 20);

  bool next(TextBatch& batch) override;
  std::int64_t total_bytes() const { return total_bytes_; }
  std::int64_t documents() const { return static_cast<std::int64_t>(names_.size()); }

 private:
  std::string path_;
  std::size_t batch_bytes_;
  std::vector<std::string> names_;
  std::int64_t total_bytes_ = 0;
  std::size_t next_ = 0;
};

}  // namespace fm::archive
