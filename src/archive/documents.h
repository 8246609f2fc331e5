// Samples or frames on their way: where they come from, what is done to each,
// where they go.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/media_fields.h"
#include "archive/text_batch.h"
#include "bson/document.h"
#include "ops/context.h"

namespace fm::archive {

// Some documents as they came: text of an archive, or BSON of a database.
struct DocumentChunk {
  TextBatch text;
  std::string bson;  // back to back
  std::int64_t bytes = 0;
};

class DocumentSource {
 public:
  DocumentSource() = default;
  DocumentSource(const DocumentSource&) = delete;
  DocumentSource& operator=(const DocumentSource&) = delete;
  virtual ~DocumentSource() = default;

  // In order; from one thread at a time. False at the end.
  virtual bool next(DocumentChunk& chunk) = 0;
  // From several threads at a time: fills `out` with the documents, back to back.
  virtual void decode(DocumentChunk& chunk, std::size_t worker, std::string& out) = 0;
  // A document for messages: file and byte, or its _id.
  virtual std::string where(const DocumentChunk& chunk, std::size_t index, bson::View document) const = 0;
  // Bytes to come, as far as known.
  virtual std::int64_t total_bytes() const = 0;
};

// Documents of an archive's file or folder.
std::unique_ptr<DocumentSource> text_documents(std::unique_ptr<TextSource> texts, std::int64_t total_bytes,
                                               std::size_t workers);

// What is done to each document, in this order.
struct MemberEdit {
  bool frames = false;
  // Import: paths that are not absolute get the folder in front.
  std::optional<std::string> folder;
  std::vector<MediaField> media;
  std::vector<std::string> tags;  // added to each sample's
  std::optional<bson::Value> dataset_id;
  std::optional<std::int64_t> now_ms;  // of created_at and last_modified_at
  std::vector<ops::CollectionWork> work;
  std::int64_t work_now_ms = 0;
  const ops::IdGenerator* ids = nullptr;
  bool needs_id_time = false;  // work takes a time out of _id
  // Any edit of the caller's own; from `jobs` threads at a time.
  std::function<void(bson::Document&)> own;

  bool nothing() const { return !folder && tags.empty() && !dataset_id && !now_ms && work.empty() && !own; }
};

// Where documents go: `encode` from several threads at a time, `write` in
// order, from one.
struct DocumentSink {
  std::function<void(std::string_view bson, std::string& out)> encode;  // one document; nothing: as it is
  std::function<void(std::string& chunk, std::int64_t documents)> write;
};

struct Moved {
  std::int64_t documents = 0;
  std::int64_t bytes = 0;  // of BSON
};

// Moves all documents; the first `skip` of them are left out. Memory: one chunk
// for each of `jobs` workers. Throws Error(kMismatch) naming what cannot be
// read, Error(kPrecondition) for a document MongoDB cannot hold.
Moved move_documents(DocumentSource& source, const MemberEdit& edit, const DocumentSink& sink, std::size_t jobs,
                     std::int64_t skip, const std::function<void(std::int64_t bytes)>& progress);

// A document with the edits made.
void apply_edit(const MemberEdit& edit, bson::Document& document, ops::Context& context);

}  // namespace fm::archive
