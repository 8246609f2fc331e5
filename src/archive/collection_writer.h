// Writing samples.json, or the folder samples/.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "archive/documents.h"
#include "archive/json_writer.h"
#include "archive/manifest.h"
#include "backup/disk.h"
#include "base/hash.h"

namespace fm::archive {

class CollectionWriter {
 public:
  // `name` is "samples", "frames" or "tags".
  CollectionWriter(const std::string& folder, const std::string& name, bool use_dirs, bool ordered, JsonStyle style);

  // For move_documents. Throws Error(kMismatch) naming the document that JSON
  // cannot give back.
  DocumentSink sink();
  // Ends the file; for the manifest.
  ManifestFile finish();

 private:
  void put(std::string_view bytes);
  void write_files(std::string_view chunk);

  std::string name_;
  std::string path_;
  bool use_dirs_;
  bool ordered_;
  JsonStyle style_;
  std::unique_ptr<dump::OutputFile> file_;
  Sha256 hash_;
  std::int64_t documents_ = 0;
  std::int64_t bytes_ = 0;
};

}  // namespace fm::archive
