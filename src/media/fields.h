// Which fields of a dataset hold paths of media (spec: media 4): `filepath`, the
// fields that app_config.media_fields names, and attributes of certain types
// wherever the schema has them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bson/document.h"
#include "store/mongo.h"

namespace fm::media {

struct MediaField {
  std::string name;     // as the SDK says it: "frames.masks.detections.mask_path"
  std::string path;     // as it is stored, in its document: "masks.detections.mask_path"
  bool frames = false;  // of frame documents
  // Where an upload puts its files below the destination: without, files of one
  // field go there themselves, those of several into folders named after them.
  std::optional<std::string> folder = {};
  // Of the places in documents.
  bool operator==(const MediaField& other) const { return name == other.name && path == other.path; }
};

// What the commands need to know of a dataset.
struct MediaDataset {
  bson::Value id;
  std::string name;
  std::string version;
  std::string samples;      // collection
  std::string frames;       // collection; empty without one
  std::string group_field;  // empty unless the dataset is grouped
  std::vector<MediaField> fields;

  const std::string& collection_of(const MediaField& field) const { return field.frames ? frames : samples; }
};

// From the dataset's document. One pass over the schema.
MediaDataset describe_dataset(const bson::Document& dataset);

// By name. Throws Error(kNotFound), or Error(kPrecondition) for a dataset that a
// migration has half-way.
MediaDataset open_dataset(Mongo& mongo, const std::string& name);

// The fields that `names` mean: the field itself or any part in front of it
// ("seg" is "seg.mask_path"), "*" is all, and "seg=masks" gives it a folder. Each
// once, in the order of `names`.
// Throws Error(kUsage) for anything else.
std::vector<MediaField> select_fields(const MediaDataset& dataset, const std::vector<std::string>& names);

}  // namespace fm::media
