// JSON files in GridFS: looking for a top-level key, and copying a file with
// that key's string replaced. Files are streamed, never held.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bson/document.h"
#include "ops/context.h"
#include "store/mongo.h"

namespace fm {

// Finds the value of one top-level key of a JSON object that arrives in pieces.
class JsonKeyFinder {
 public:
  explicit JsonKeyFinder(std::string key) : key_(std::move(key)) {}

  // Byte offsets of the string's content between its quotes.
  struct Range {
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  // Feeds the next piece; true when nothing more can be learnt.
  bool feed(std::string_view piece);
  const std::optional<Range>& found() const { return found_; }

 private:
  std::string key_;
  std::size_t offset_ = 0;
  int depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  bool expect_key_ = false;  // at depth 1, the next string is a key
  bool at_value_ = false;    // the wanted key's value comes next
  bool in_wanted_ = false;
  bool done_ = false;
  std::string text_;  // of the key being read
  std::size_t begin_ = 0;
  std::optional<Range> found_;
};

// Writes files one after the other; chunks are inserted a few megabytes at a
// time. Doing it again with the same ids changes nothing.
class FileWriter {
 public:
  // `now_ms` is the upload date; ids of chunks come from `ids`.
  FileWriter(Mongo& mongo, std::int64_t now_ms, const ops::IdGenerator& ids)
      : mongo_(mongo), now_ms_(now_ms), ids_(ids) {}

  void write(const bson::Oid& file, std::string_view bytes);
  // The file document comes after its chunks.
  void close(const bson::Oid& file);
  // Writes what is left. Nothing is complete before.
  void finish();

 private:
  void chunk(const bson::Oid& file, std::size_t size);
  void flush();

  Mongo& mongo_;
  std::int64_t now_ms_;
  const ops::IdGenerator& ids_;
  std::string buffer_;
  std::vector<bson::Document> chunks_;
  std::vector<bson::Document> files_;
  std::size_t pending_ = 0;
  std::int32_t n_ = 0;
  std::int64_t length_ = 0;
};

// The content in pieces; nothing at all where there is no such file.
void read_file(Mongo& mongo, const bson::Value& file, const std::function<void(std::string_view)>& visit);

// Whether the file exists, is a JSON object, and has a string under that key.
bool file_has_key(Mongo& mongo, const bson::Value& file, const std::string& key);
// The same by a file's first chunk; nothing where the others have to be read.
std::optional<bool> chunk_has_key(bson::View chunk, const std::string& key);

// Copies every file as its patch.new_id with the key's string replaced, all in
// one pass over the chunks; memory: a few megabytes. Doing it again changes
// nothing. The upload date is `now_ms`.
void copy_patched(Mongo& mongo, const std::vector<ops::FilePatch>& patches, std::int64_t now_ms,
                  const ops::IdGenerator& ids);

void delete_files(Mongo& mongo, const bson::Array& files);

// The file with a run's results, if it has one: an id in `results`.
void add_result_file(const bson::Document& run, std::vector<bson::Value>& files);
// All runs that stand inside a dataset's document, as before 0.19.0, and their files.
void each_run(const bson::Document& dataset, const std::function<void(const bson::Document& run)>& visit);
void add_result_files(const bson::Document& dataset, std::vector<bson::Value>& files);

}  // namespace fm
