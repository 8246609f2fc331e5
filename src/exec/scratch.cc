#include "exec/scratch.h"

#include <algorithm>
#include <map>

#include "base/pool.h"
#include "bson/path.h"
#include "bson/read.h"
#include "exec/batch_size.h"
#include "exec/prepare.h"
#include "ops/operation.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr const char* kPrefix = "migrator.scratch.roundtrip.";
constexpr std::int64_t kLargestResult = std::int64_t{16} << 20;
constexpr std::int64_t kFramesPerSample = 10;
constexpr std::size_t kScratchIds = 1000;

template <class Visit>
void each_step(const Catalogue& catalogue, const Visit& visit) {
  for (const auto& revision : catalogue.datasets) {
    for (const auto* steps : {&revision.up, &revision.down}) {
      for (const auto& step : *steps) visit(step);
    }
  }
}

// Ids of frames in the layout before 0.6.2: a map of numbers.
void listed_frames(const Document& sample, std::vector<Value>& out) {
  const auto* frames = sample.find("frames");
  const auto* map = frames ? frames->as<Document>() : nullptr;
  if (!map) return;
  for (const auto& [number, id] : *map) {
    if (id.as<bson::Oid>()) out.push_back(id);
  }
}

void results_of(const Document& run, std::vector<Value>& out) {
  const auto* results = run.find("results");
  if (results && !results->is_null()) out.push_back(*results);
}

}  // namespace

Scratch::Scratch(Mongo& mongo, const Catalogue& catalogue, const std::vector<Value>& datasets, const ScratchSize& size,
                 const std::function<void()>& checkpoint)
    : mongo_(mongo), corner_(mongo, kPrefix), catalogue_(catalogue) {
  drop_scratch(mongo_);
  collections_ = mongo_.collection_names();
  each_step(catalogue_, [&](const ops::Step& step) {
    if (step.target.kind == ops::Target::Kind::kOwned) {
      owned_.insert({step.target.collection, step.target.owner_key});
    }
  });
  try {
    copy("config", {}, {});
    std::vector<std::vector<Value>> groups;
    for (std::size_t i = 0; i < datasets.size(); i += kScratchIds) {
      groups.emplace_back(datasets.begin() + static_cast<std::ptrdiff_t>(i),
                          datasets.begin() + static_cast<std::ptrdiff_t>(std::min(datasets.size(), i + kScratchIds)));
    }
    for (const auto& ids : groups) {
      std::vector<Document> documents;
      auto wanted = Array::of(ids);
      copy("datasets", Document{{"_id", Document{{"$in", wanted}}}}, {},
           [&](const Document& dataset) { documents.push_back(dataset); });
      parallel_for(size.jobs, documents.size(), [&](std::size_t i, std::size_t) {
        checkpoint();
        copy_dataset(documents[i], size.samples);
      });
      for (const auto& [collection, owner] : owned_) {
        FindOptions options;
        options.limit = size.samples * static_cast<std::int64_t>(ids.size());
        copy(collection, Document{{owner, Document{{"$in", wanted}}}}, options);
      }
    }
  } catch (...) {
    drop_scratch(mongo_);
    throw;
  }
}

Scratch::~Scratch() {
  try {
    drop_scratch(mongo_);
  } catch (const std::exception&) {
    // The next one does it.
  }
}

void Scratch::copy(const std::string& collection, const Document& filter, const FindOptions& options,
                   const std::function<void(const Document&)>& look) {
  if (!collections_.contains(collection)) return;
  std::vector<Document> batch;
  std::size_t bytes = 0;
  const auto flush = [&] {
    corner_.insert(collection, batch);  // one that is there already came with another dataset
    batch.clear();
    bytes = 0;
  };
  mongo_.find(collection, filter, options, [&](bson::View view) {
    batch.push_back(view.decode());
    if (look) look(batch.back());
    bytes += view.size();
    if (bytes >= kBatchBytes) flush();
  });
  flush();
}

void Scratch::copy_by_ids(const std::string& collection, const char* key, const std::vector<Value>& ids) {
  for (std::size_t i = 0; i < ids.size(); i += kScratchIds) {
    Array wanted;
    for (std::size_t j = i; j < ids.size() && j < i + kScratchIds; ++j) wanted.append(ids[j]);
    copy(collection, Document{{key, Document{{"$in", std::move(wanted)}}}}, {});
  }
}

void Scratch::copy_dataset(const Document& dataset, std::int64_t most) {
  copy_references(dataset);
  const auto samples = bson::text_at(dataset, "sample_collection_name");
  if (!collections_.contains(samples)) return;
  auto frames = bson::text_at(dataset, "frame_collection_name");
  if (frames.empty()) frames = "frames." + samples;
  // Those of a clips dataset belong to its source.
  const bool has_frames = !samples.starts_with("clips.") && collections_.contains(frames);
  if (has_frames) {
    const auto each = mongo_.estimated_count(frames) / std::max<std::int64_t>(1, mongo_.estimated_count(samples));
    most = std::clamp(kFramesPerSample * most / std::max<std::int64_t>(1, each), std::int64_t{1}, most);
  }
  std::vector<Value> ids;
  std::vector<Value> listed;
  const auto look = [&](const Document& sample) {
    ids.push_back(*sample.find("_id"));
    listed_frames(sample, listed);
  };
  FindOptions options;
  options.sort = Document{{"_id", 1}};
  options.limit = (most + 1) / 2;
  copy(samples, {}, options, look);
  options.sort = Document{{"_id", -1}};
  options.limit = most / 2;
  if (options.limit > 0) copy(samples, {}, options, look);
  if (has_frames) copy_frames(frames, ids, listed, most * kFramesPerSample);
}

void Scratch::copy_frames(const std::string& frames, const std::vector<Value>& samples,
                          const std::vector<Value>& listed, std::int64_t most) {
  copy_by_ids(frames, "_id", listed);
  FindOptions options;
  options.limit = most;
  bool any = !listed.empty();
  copy(frames, Document{{"_sample_id", Document{{"$in", Array::of(samples)}}}}, options,
       [&](const Document&) { any = true; });
  if (!any) copy(frames, {}, options);
}

void Scratch::copy_references(const Document& dataset) {
  std::vector<std::pair<std::string, Value>> named;
  for (const auto& revision : catalogue_.datasets) {
    for (const auto* steps : {&revision.up, &revision.down}) {
      if (ops::has_references(*steps)) ops::references(*steps, dataset, named);
    }
  }
  std::map<std::string, std::vector<Value>> by_collection;
  for (auto& [collection, id] : named) by_collection[collection].push_back(std::move(id));
  std::vector<Value> files;
  for (const auto& [collection, ids] : by_collection) {
    copy(collection, Document{{"_id", Document{{"$in", Array::of(ids)}}}}, {}, [&](const Document& document) {
      if (bson::text_at(document, "config.type").find("similarity") != std::string::npos ||
          bson::text_at(document, "config.cls").find("imilarity") != std::string::npos) {
        results_of(document, files);
      }
    });
  }
  // Before 0.19.0 runs stand in the dataset itself.
  const auto* runs = dataset.find("brain_methods");
  if (const auto* mapping = runs ? runs->as<Document>() : nullptr) {
    for (const auto& [key, run] : *mapping) {
      if (const auto* document = run.as<Document>()) results_of(*document, files);
    }
  }
  if (files.empty()) return;
  std::vector<Value> small;
  copy("fs.files",
       Document{{"_id", Document{{"$in", Array::of(files)}}}, {"length", Document{{"$lte", kLargestResult}}}}, {},
       [&](const Document& file) { small.push_back(*file.find("_id")); });
  copy_by_ids("fs.chunks", "files_id", small);
}

std::size_t drop_scratch(Mongo& mongo) {
  Mongo corner(mongo, kPrefix);
  const auto names = corner.collection_names();
  for (const auto& name : names) corner.drop(name);
  return names.size();
}

}  // namespace fm
