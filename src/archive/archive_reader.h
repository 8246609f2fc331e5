// A folder in the FiftyOneDataset format, looked at but for its samples and
// frames (spec: dataset archive, 1 and 3).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "archive/contents.h"
#include "archive/documents.h"
#include "archive/manifest.h"

namespace fm::archive {

struct ArchiveOptions {
  // Of an archive that does not say.
  std::optional<std::string> assume_version;
};

class ArchiveReader {
 public:
  // Reads all but samples and frames, and checks what can be checked so: the
  // layout, versions, field types, results, sizes in the manifest. Throws
  // Error(kNotFound) without a folder, Error(kMismatch) for what is damaged,
  // Error(kIncompatible) for versions.
  ArchiveReader(const std::string& folder, const ArchiveOptions& options);

  const std::string& folder() const { return folder_; }
  // In the database's form, at the archive's version.
  const Contents& contents() const { return contents_; }
  const std::optional<Manifest>& manifest() const { return manifest_; }
  // Of the layout before 0.8.
  bool legacy() const { return legacy_; }
  const std::vector<std::string>& warnings() const { return warnings_; }
  // Bytes of samples and frames.
  std::int64_t document_bytes() const { return sample_bytes_ + frame_bytes_; }
  bool has_frames() const { return !frames_.empty(); }
  bool has_tags() const;

  // Fields whose relative paths belong to the archive. Of the migrated dataset.
  std::vector<MediaField> media(const bson::Document& dataset, bool frames) const;

  std::unique_ptr<DocumentSource> samples(std::size_t workers);
  // nullptr where there are none.
  std::unique_ptr<DocumentSource> frames(std::size_t workers);
  void read_results(const RunResults& results, const std::function<void(std::string_view)>& visit) const;
  // Throws Error(kMismatch) for a record that is none.
  void read_tags(const std::function<void(const bson::Document& record)>& visit) const;

  // Reads every file that the manifest names and compares its SHA-256. Throws
  // Error(kMismatch); when it is told to stop, any Error. What `checkpoint`, which
  // is called again and again, throws ends it, too.
  void check_sums(const std::stop_token& stop, const std::function<void()>& checkpoint = nullptr) const;
  // Tells this state of the folder from others: paths, sizes and times.
  std::string fingerprint() const;

 private:
  void read_metadata(const ArchiveOptions& options);
  void find_documents();
  void check_has_fields();
  void find_results();
  void check_manifest() const;
  std::string results_path(const RunResults& results) const;
  std::unique_ptr<DocumentSource> open(const std::string& path, const char* key, std::int64_t bytes,
                                       std::size_t workers);

  std::string folder_;
  std::string samples_;  // file or folder
  std::string frames_;
  std::int64_t sample_bytes_ = 0;
  std::int64_t frame_bytes_ = 0;
  bool legacy_ = false;
  Contents contents_;
  std::optional<Manifest> manifest_;
  std::vector<std::string> warnings_;
};

}  // namespace fm::archive
