// Reading {"samples": [ {...}, {...} ]}: one file, any size.
//
// The text is cut into documents without being parsed, at the speed of memory;
// what is in them is JsonReader's matter. Memory: one batch and a block.
#pragma once

#include <string>

#include "archive/text_batch.h"

namespace fm::archive {

class CollectionFile final : public TextSource {
 public:
  // `key` is the one key of the file. Throws Error(kMismatch) when the file
  // cannot be opened.
  CollectionFile(const std::string& path, std::string key, std::size_t batch_bytes = std::size_t{1} << 20);
  ~CollectionFile() override;

  bool next(TextBatch& batch) override;

 private:
  // Appends a block of the file to buffer_; false at its end.
  bool fill();
  // Skips white space; the next byte, or -1 at the end of the file.
  int peek();
  void expect(char wanted, const char* where);
  void read_head();
  void read_tail();
  // From '{' at position_ to behind the matching '}'.
  void skip_document();
  [[noreturn]] void fail(const std::string& what) const;

  std::string path_;
  std::string key_;
  std::size_t batch_bytes_;
  int descriptor_ = -1;
  std::string buffer_;
  std::size_t position_ = 0;  // in buffer_
  std::int64_t offset_ = 0;   // of buffer_[0] in the file
  std::int64_t documents_ = 0;
  std::int64_t reported_ = 0;  // bytes told of in batches
  bool started_ = false;
  bool ended_ = false;
};

}  // namespace fm::archive
