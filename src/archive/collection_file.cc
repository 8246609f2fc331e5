#include "archive/collection_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "archive/files.h"
#include "archive/scan.h"
#include "base/error.h"

namespace fm::archive {

namespace {

constexpr std::size_t kBlock = std::size_t{1} << 20;
// The text of a document MongoDB takes (16 MiB of BSON) is shorter, unless it
// is mostly white space.
constexpr std::size_t kLargestText = std::size_t{64} << 20;

}  // namespace

CollectionFile::CollectionFile(const std::string& path, std::string key, std::size_t batch_bytes)
    : path_(path),
      key_(std::move(key)),
      batch_bytes_(batch_bytes),
      descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (descriptor_ < 0) throw unreadable(path, errno);
  ::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_SEQUENTIAL);
}

CollectionFile::~CollectionFile() { ::close(descriptor_); }

void CollectionFile::fail(const std::string& what) const {
  throw Error(Exit::kMismatch,
              path_ + ": " + what + " at byte " + std::to_string(offset_ + static_cast<std::int64_t>(position_)) +
                  (documents_ > 0 ? " (after " + std::to_string(documents_) + " documents)" : ""),
              "The archive is damaged or incomplete: export it again.");
}

bool CollectionFile::fill() {
  const auto size = buffer_.size();
  buffer_.resize(size + kBlock);
  while (true) {
    const auto count = ::read(descriptor_, buffer_.data() + size, kBlock);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw Error(Exit::kFailed, "Could not read " + path_ + ": " + std::strerror(errno));
    buffer_.resize(size + static_cast<std::size_t>(count));
    return count > 0;
  }
}

int CollectionFile::peek() {
  while (true) {
    position_ = skip_space(buffer_, position_);
    if (position_ < buffer_.size()) return static_cast<unsigned char>(buffer_[position_]);
    if (!fill()) return -1;
  }
}

void CollectionFile::expect(char wanted, const char* where) {
  const int found = peek();
  if (found == wanted) {
    ++position_;
    return;
  }
  fail(std::string(found < 0 ? "the file ends" : "it reads on") + " where '" + wanted + "' should " + where);
}

void CollectionFile::read_head() {
  started_ = true;
  if (peek() == 0xEF) fail("a byte order mark, which is not JSON,");
  expect('{', "open the file");
  if (peek() != '"') fail("no key \"" + key_ + "\"");
  // Keys of these files are plain words.
  while (buffer_.size() < position_ + key_.size() + 2 && fill()) {
  }
  if (buffer_.compare(position_ + 1, key_.size() + 1, key_ + "\"") != 0) {
    const auto end = buffer_.find('"', position_ + 1);
    const auto found =
        buffer_.substr(position_ + 1, end == std::string::npos ? 40 : std::min<std::size_t>(40, end - position_ - 1));
    fail("the first key is \"" + found + "\" and not \"" + key_ + "\"");
  }
  position_ += key_.size() + 2;
  expect(':', "follow the key");
  expect('[', "open the list");
}

void CollectionFile::read_tail() {
  expect('}', "close the file");
  if (peek() >= 0) fail("something follows the end of the collection");
  ended_ = true;
}

void CollectionFile::skip_document() {
  const auto begin = position_;
  DocumentScan scan;
  while (true) {
    position_ = scan.run(buffer_, position_);
    if (scan.done()) return;
    if (buffer_.size() - begin > kLargestText) {
      position_ = begin;
      fail("a document of more than 64 MiB of text, more than MongoDB can hold,");
    }
    if (!fill()) {
      position_ = begin;
      fail("the file ends within the document that starts");
    }
  }
}

bool CollectionFile::next(TextBatch& batch) {
  batch.slices.clear();
  if (ended_) return false;
  if (!started_) read_head();
  batch.file = path_;
  batch.first = documents_;
  batch.offset = offset_;
  while (true) {
    if (peek() == ']') {
      ++position_;
      read_tail();
      break;
    }
    if (documents_ > 0) expect(',', "separate two documents");
    const int found = peek();
    if (found < 0) fail("the file ends within the list");
    if (found != '{') fail("no document, which begins with '{',");
    const auto begin = position_;
    skip_document();
    batch.slices.push_back({begin, position_ - begin});
    ++documents_;
    if (position_ >= batch_bytes_) break;
  }
  batch.bytes = offset_ + static_cast<std::int64_t>(position_) - reported_;
  reported_ += batch.bytes;
  // What is handed out goes; the beginning of the next batch stays.
  batch.text.swap(buffer_);
  buffer_.assign(batch.text, position_);
  batch.text.resize(position_);
  batch.text.append(kTextPadding, ' ');
  offset_ += static_cast<std::int64_t>(position_);
  position_ = 0;
  return !batch.slices.empty();
}

}  // namespace fm::archive
