// Which fields of a dataset hold paths of media (spec: media, 4).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bson/document.h"

namespace fm::archive {

// A field as the original's exporter knows it: `name` is the folder below
// fields/, by field names; `keys` leads to the same place in a sample document.
struct MediaField {
  std::string name;               // "ground_truth.detections", "frames.seg"
  std::vector<std::string> keys;  // database keys, in a sample or frame
  std::string attribute;          // "mask_path", or empty where the field is the path
};

// `filepath` is not among them. Of `sample_fields` and of `frame_fields`; the
// names of the latter begin with "frames.". From app_config.media_fields and
// the types of the fields.
std::vector<MediaField> media_fields(const bson::Document& dataset);
std::vector<MediaField> frame_media_fields(const bson::Document& dataset);

// Calls edit(path) for every path that the field holds in the document; lists
// at any level are walked.
void for_each_path(bson::Document& document, const MediaField& field, const std::function<void(std::string&)>& edit);

}  // namespace fm::archive
