// The samples of a dataset that an upload is about, as queries.
#pragma once

#include <vector>

#include "media/upload_plan.h"

namespace fm::media {

class Selection {
 public:
  // Throws Error(kUsage) for slices of a dataset without any, Error(kNotFound)
  // for samples that are not there. Cost: where samples are named, one query for
  // a thousand of them.
  Selection(Mongo& mongo, const MediaDataset& dataset, const UploadRequest& request);

  // Together they find each document of the collection that is meant, once; each
  // names a thousand samples at most.
  const std::vector<bson::Document>& filters(bool frames) const { return frames ? frames_ : samples_; }

 private:
  std::vector<bson::Document> samples_;
  std::vector<bson::Document> frames_;
};

}  // namespace fm::media
