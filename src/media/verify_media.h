// Whether what a dataset names is there (spec: media 6, M-22).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "media/fields.h"
#include "media/manifest.h"
#include "media/remap.h"
#include "media/stores.h"
#include "store/mongo.h"

namespace fm::media {

struct MediaFault {
  std::string field;
  bson::Value document;  // _id of a sample or frame
  std::string path;
  std::string fault;
};

struct MediaCheck {
  std::int64_t paths = 0;         // with repetitions
  std::int64_t objects = 0;       // looked at, local files among them
  std::int64_t local = 0;         // paths
  std::int64_t web = 0;           // paths that cannot be looked at here
  std::int64_t compared = 0;      // objects whose content was compared with a manifest
  std::int64_t faults = 0;        // objects
  std::vector<MediaFault> first;  // of them, up to a hundred
};

// With `remap`, instead of the paths that fit those that they would become, and no
// others. Looks at every distinct path once, `jobs` at a time: one request each, and the
// content too with `full`, where the manifest of an upload knows its hash.
// `manifests`: what uploads have noted, by remote path. Reads only. Memory: some
// 150 bytes a distinct path.
MediaCheck verify_media(Mongo& mongo, const MediaDataset& dataset, const std::vector<MediaField>& fields,
                        Stores& stores, const std::unordered_map<std::string, Manifest::Entry>& uploads, bool full,
                        const Remap* remap, const std::function<void(std::int64_t done, std::int64_t total)>& progress);

// The entries of all manifests in a folder, by remote path. Those that cannot be
// read are left out.
std::unordered_map<std::string, Manifest::Entry> known_uploads(const std::string& folder);

}  // namespace fm::media
