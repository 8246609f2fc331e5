// Local media to a store; the database names an object only once the store has
// confirmed it (spec: media 3, 4 and 6).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "media/upload_plan.h"

namespace fm::media {

struct UploadProgress {
  std::int64_t files = 0;
  std::int64_t files_total = 0;
  std::int64_t bytes = 0;        // sent
  std::int64_t bytes_total = 0;  // without what the store had already
};

struct UploadFailure {
  std::string local;
  std::string remote;
  std::string error;
};

struct UploadReport {
  std::int64_t uploaded = 0;
  std::int64_t copied = 0;   // objects of other places
  std::int64_t adopted = 0;  // the same content was there
  std::int64_t known = 0;    // by an earlier run of the same command
  std::int64_t failed = 0;
  std::int64_t bytes = 0;
  std::int64_t documents = 0;  // whose paths were written
  std::int64_t changed = 0;    // documents that somebody else changed meanwhile: left alone
  std::string run;             // that undo takes back; empty when no path was written
  std::vector<UploadFailure> failures;
  std::vector<Clash> clashes;
};

// What becomes of a file, from any thread of the upload, one call at a time.
using FileReport = std::function<void(const PlannedFile& file, const std::string& state, const std::string& error)>;

// Carries a plan out. `progress` is called from the calling thread, some times a
// second. With request.update the lease is needed. Throws what concerns every
// file (credentials, bucket, server); what was uploaded until then is kept and
// its paths are written. Killed at any instant, each document names old, valid
// paths or new, valid ones, and the same call goes on. Cost: one request a file or
// part where the store's answer confirms it, else two, three and its content where
// an object is there already; one update a document.
UploadReport upload(Mongo& mongo, const MediaDataset& dataset, const UploadRequest& request, UploadPlan& plan,
                    Stores& stores, Manifest* manifest, const std::function<void(const UploadProgress&)>& progress,
                    const FileReport& file_report);

}  // namespace fm::media
