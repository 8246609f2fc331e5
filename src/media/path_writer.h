// Writing the new paths of documents, each with a record for undo before it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "media/run.h"

namespace fm::media {

// The new text for one at a field, or nothing to leave it.
using NewPath = std::function<std::optional<std::string>(const std::string& text)>;

class PathWriter {
 public:
  // `collection` holds documents of these fields.
  PathWriter(Mongo& mongo, const Run& run, std::string collection, bool frames);

  // Queues what is to be written of a document, as it was read: all fields and
  // last_modified_at. A field of which some text gets no new path, though it
  // should, is left out by the caller's `fields`.
  void add(const bson::Document& document, const std::vector<MediaField>& fields, const NewPath& new_path);
  // One bulk of records, one of updates. A text that is no longer what was read
  // keeps its new value.
  void flush();

  std::int64_t written() const { return written_; }
  std::int64_t changed() const { return changed_; }

 private:
  Mongo& mongo_;
  std::string collection_;
  std::string records_;
  std::vector<MediaField> fields_;
  std::vector<bson::Document> pending_records_;
  std::vector<Update> pending_;
  std::int64_t written_ = 0;
  std::int64_t changed_ = 0;
};

}  // namespace fm::media
