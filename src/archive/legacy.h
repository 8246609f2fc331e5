// The layout before 0.8 (spec: dataset archive, 7), read as a dataset of the
// newest version: what the original makes of it by adding the samples anew.
#pragma once

#include <memory>
#include <string>

#include "archive/contents.h"
#include "archive/documents.h"

namespace fm::archive {

// `metadata` is metadata.json, without a version. Throws Error(kMismatch) where
// it does not describe the samples' fields.
Contents legacy_contents(const bson::Document& metadata, const std::string& file, const ops::IdGenerator& ids);

// Samples with new ids, in the order of the file; and their frames, which lie
// in a file for each video. Ids depend on the number of the sample alone.
std::unique_ptr<DocumentSource> legacy_samples(const std::string& folder, const std::string& media_type,
                                               std::int64_t bytes, std::size_t workers);
std::unique_ptr<DocumentSource> legacy_frames(const std::string& folder, std::int64_t bytes, std::size_t workers);

}  // namespace fm::archive
