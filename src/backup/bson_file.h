// Files of documents back to back, plain or zstd.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backup/disk.h"
#include "base/hash.h"
#include "bson/document.h"

namespace fm::dump {

// What the documents are, whatever the compression.
struct Facts {
  std::int64_t documents = 0;
  std::int64_t bytes = 0;
  std::string sha256;
  bool operator==(const Facts&) const = default;
};

class BsonWriter {
 public:
  BsonWriter(const std::string& path, bool zstd);
  BsonWriter(const BsonWriter&) = delete;
  BsonWriter& operator=(const BsonWriter&) = delete;
  ~BsonWriter();

  // Whole documents.
  void append(std::string_view batch);
  Facts finish();

 private:
  class Compressor;
  OutputFile file_;
  std::unique_ptr<Compressor> compressor_;
  Sha256 hash_;
  Facts facts_;
};

class BsonReader {
 public:
  // Throws Error(kMismatch) when there is no such file.
  BsonReader(const std::string& path, bool zstd);
  BsonReader(const BsonReader&) = delete;
  BsonReader& operator=(const BsonReader&) = delete;
  ~BsonReader();

  // The next whole documents, some MiB of them; empty at the end. Throws
  // Error(kMismatch) for what is no sequence of documents.
  std::string next();

 private:
  class Decompressor;
  // False at the end of the file.
  bool fill();

  InputFile file_;
  std::unique_ptr<Decompressor> decompressor_;
  std::string rest_;  // read, but not part of a whole document yet
};

// The documents of a batch; valid while that is.
std::vector<bson::View> split(std::string_view batch);
std::int64_t count_documents(std::string_view batch);

}  // namespace fm::dump
