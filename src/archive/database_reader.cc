#include "archive/database_reader.h"

#include <cstring>
#include <utility>

#include "archive/pipeline.h"
#include "archive/tags.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"
#include "bson/read.h"
#include "exec/gridfs.h"
#include "exec/heads.h"

namespace fm::archive {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

// Documents of a collection in natural order, read by a thread of its own.
class RawDocuments final : public DocumentSource {
 public:
  RawDocuments(Mongo& mongo, std::string collection, std::optional<ClusterTime> at, std::int64_t total)
      : collection_(std::move(collection)), total_(total), batches_([&mongo, name = collection_, at](const auto& put) {
          mongo.read_raw(name, at, [&](std::string batch) { put(std::move(batch)); });
        }) {}

  // The server's batches are large: they are handed on in parts.
  bool next(DocumentChunk& chunk) override {
    constexpr std::size_t kPart = std::size_t{1} << 20;
    if (at_ >= batch_.size()) {
      at_ = 0;
      if (!batches_.next(batch_)) return false;
    }
    const auto begin = at_;
    while (at_ < batch_.size() && at_ - begin < kPart) {
      std::uint32_t size = 0;
      std::memcpy(&size, batch_.data() + at_, sizeof size);
      at_ += size;
    }
    chunk.bson.assign(batch_, begin, at_ - begin);
    chunk.bytes = static_cast<std::int64_t>(chunk.bson.size());
    return true;
  }

  void decode(DocumentChunk& chunk, std::size_t, std::string& out) override { out.swap(chunk.bson); }

  std::string where(const DocumentChunk&, std::size_t, bson::View document) const override {
    const auto id = document.get("_id");
    const auto* oid = id ? id->as<bson::Oid>() : nullptr;
    return collection_ + ", document " + (oid ? oid->hex() : std::string("without an ObjectId"));
  }

  std::int64_t total_bytes() const override { return total_; }

 private:
  std::string collection_;
  std::int64_t total_;
  std::string batch_;
  std::size_t at_ = 0;
  Puller<std::string> batches_;
};

// The frames of clips, made of those of their source as the original's exporter
// does: each clip has its own, without _id.
class ClipFrames final : public DocumentSource {
 public:
  ClipFrames(Mongo& mongo, const std::string& clips, const std::string& frames, std::int64_t total)
      : name_(frames), total_(total), batches_([&mongo, clips, pipeline = pipeline_of(frames)](const auto& put) {
          std::string batch;
          mongo.aggregate(clips, pipeline, [&](bson::View view) {
            batch.append(reinterpret_cast<const char*>(view.data()), view.size());
            if (batch.size() >= kBatch) put(std::exchange(batch, {}));
          });
          if (!batch.empty()) put(std::move(batch));
        }) {}

  bool next(DocumentChunk& chunk) override {
    if (!batches_.next(chunk.bson)) return false;
    chunk.bytes = static_cast<std::int64_t>(chunk.bson.size());
    return true;
  }
  void decode(DocumentChunk& chunk, std::size_t, std::string& out) override { out.swap(chunk.bson); }
  std::string where(const DocumentChunk&, std::size_t, bson::View document) const override {
    const auto number = document.get("frame_number");
    const auto integer = number ? number->integer() : std::nullopt;
    return name_ + ", frame " + (integer ? std::to_string(*integer) : std::string("without a number"));
  }
  std::int64_t total_bytes() const override { return total_; }

 private:
  static constexpr std::size_t kBatch = std::size_t{1} << 20;

  static Array pipeline_of(const std::string& frames) {
    const auto support = [](int i) { return Document{{"$arrayElemAt", Array{"$support", i}}}; };
    const Document of_clip{{"$expr", Document{{"$and", Array{Document{{"$eq", Array{"$$sample", "$_sample_id"}}},
                                                             Document{{"$gte", Array{"$frame_number", "$$first"}}},
                                                             Document{{"$lte", Array{"$frame_number", "$$last"}}}}}}}};
    const Document lookup{
        {"from", frames},
        {"let", Document{{"sample", "$_sample_id"}, {"first", support(0)}, {"last", support(1)}}},
        {"pipeline", Array{Document{{"$match", of_clip}}, Document{{"$sort", Document{{"frame_number", 1}}}}}},
        {"as", "frames"}};
    return Array{Document{{"$lookup", lookup}},
                 Document{{"$project", Document{{"frames", true}}}},
                 Document{{"$unwind", "$frames"}},
                 Document{{"$addFields", Document{{"frames._sample_id", "$_id"}}}},
                 Document{{"$replaceRoot", Document{{"newRoot", "$frames"}}}},
                 Document{{"$project", Document{{"_id", false}}}}};
  }

  std::string name_;
  std::int64_t total_;
  Puller<std::string> batches_;
};

void keep_ids(const Value* value, Array& ids) {
  if (const auto* list = value ? value->as<Array>() : nullptr) {
    for (const auto& id : *list) ids.append(id);
  }
  if (const auto* runs = value ? value->as<Document>() : nullptr) {
    for (const auto& run : *runs) {
      if (!run.value.as<Document>()) ids.append(run.value);
    }
  }
}

}  // namespace

DatabaseReader::DatabaseReader(Mongo& mongo, const std::string& name) : mongo_(mongo) {
  // Before the dataset: what it names is then there at that time.
  moment_ = mongo.cluster_time();
  auto dataset = mongo.find_one("datasets", Document{{"name", name}});
  if (!dataset) {
    throw Error(Exit::kNotFound, "Dataset '" + name + "' not found", "See: fiftyone-migrator dataset list",
                "ValueError");
  }
  if (bson::text_at(*dataset, "version") == kParkedVersion) {
    throw Error(Exit::kPrecondition, "Dataset '" + name + "' is half-way in a migration",
                "Finish it first: fiftyone-migrator migrate");
  }
  const auto* sources = dataset->find("_media_sources");
  if (sources && sources->truthy()) {
    throw Error(Exit::kIncompatible,
                "Dataset '" + name +
                    "' names its media by reference (_media_sources), which is "
                    "not supported",
                "Export it with the original.");
  }
  contents_.dataset = std::move(*dataset);
  samples_ = bson::text_at(contents_.dataset, "sample_collection_name");
  frames_ = frame_collection(contents_.dataset);
  clips_ = samples_.starts_with("clips.");
  // Their frames are computed, which is done now and not at a time.
  if (clips_) moment_.reset();
  const auto names = mongo.collection_names();
  if (!frames_.empty() && (!contents_.has_video() || !names.contains(frames_))) frames_.clear();
  if (!names.contains(samples_)) {
    throw Error(Exit::kPrecondition,
                "The samples of dataset '" + name + "' are not there: there is no collection '" + samples_ + "'",
                "Restore it from a backup; fiftyone-migrator verify says what else is missing.");
  }
  sample_size_ = mongo.estimated_size(samples_);
  contents_.sample_indexes = custom_indexes(mongo.indexes(samples_), contents_.dataset, false);
  if (!frames_.empty()) {
    frame_size_ = mongo.estimated_size(frames_);
    if (!clips_) contents_.frame_indexes = custom_indexes(mongo.indexes(frames_), contents_.dataset, true);
  }
  read_references();
}

void DatabaseReader::read_references() {
  auto& dataset = contents_.dataset;
  const auto read = [&](const char* collection, const Array& ids) {
    if (ids.empty()) return;
    mongo_.find(collection, Document{{"_id", Document{{"$in", ids}}}}, {},
                [&](bson::View view) { contents_.documents[collection].push_back(view.decode()); });
  };
  for (const auto& kind : kListKinds) {
    Array ids;
    keep_ids(dataset.find(kind.field), ids);
    read(kind.collection, ids);
  }
  Array ids;
  for (const auto& kind : kRunKinds) keep_ids(dataset.find(kind.field), ids);
  read("runs", ids);
  for (const auto& kind : kRunKinds) {
    const auto* value = dataset.find(kind.field);
    const auto* runs = value ? value->as<Document>() : nullptr;
    if (!runs) continue;
    for (const auto& [key, run] : *runs) {
      const auto* document = run.as<Document>() ? run.as<Document>() : contents_.find("runs", run);
      const auto* results = document ? document->find("results") : nullptr;
      if (results && !results->is_null()) contents_.results.push_back({kind.field, key, *results, *results});
    }
  }
}

std::unique_ptr<DocumentSource> DatabaseReader::samples() {
  return std::make_unique<RawDocuments>(mongo_, samples_, moment_, sample_size_.bytes);
}

std::unique_ptr<DocumentSource> DatabaseReader::frames() {
  if (frames_.empty()) return nullptr;
  if (clips_) return std::make_unique<ClipFrames>(mongo_, samples_, frames_, frame_size_.bytes);
  return std::make_unique<RawDocuments>(mongo_, frames_, moment_, frame_size_.bytes);
}

void DatabaseReader::read_results(const RunResults& results, const std::function<void(std::string_view)>& visit) const {
  read_file(mongo_, results.source, visit);
}

void DatabaseReader::read_tags(const std::function<void(const Document&)>& visit) const {
  FindOptions options;
  options.sort = tag_order();
  mongo_.find(kTags, Document{{"_dataset_id", *contents_.dataset.find("_id")}, {"kind", "temporal"}}, options,
              [&](bson::View view) { visit(view.decode()); });
}

std::string DatabaseReader::fingerprint() const {
  const auto identity = database_identity(mongo_);
  if (identity.empty()) return "";
  auto dataset = contents_.dataset;
  dataset.take("last_loaded_at");
  const auto encoded = bson::encode(dataset);
  Sha256 hash;
  hash.update({reinterpret_cast<const char*>(encoded.data()), encoded.size()});
  hash.update(identity + "|" + std::to_string(sample_size_.documents) + "|" + std::to_string(frame_size_.documents));
  return to_hex(hash.finish());
}

std::string DatabaseReader::changed_since() const {
  const auto now = mongo_.find_one("datasets", Document{{"_id", *contents_.dataset.find("_id")}});
  if (!now) return "The dataset was deleted meanwhile";
  const auto same = [&](const char* key) {
    const auto* a = now->find(key);
    const auto* b = contents_.dataset.find(key);
    return a && b ? *a == *b : a == b;
  };
  if (!same("last_modified_at") || !same("version") || !same("sample_collection_name")) {
    return "The dataset was edited meanwhile";
  }
  // Of a moment: what others do does not show.
  if (moment_) return "";
  if (mongo_.estimated_count(samples_) != sample_size_.documents ||
      (!frames_.empty() && mongo_.estimated_count(frames_) != frame_size_.documents)) {
    return "Samples or frames were added or deleted meanwhile";
  }
  return "";
}

}  // namespace fm::archive
