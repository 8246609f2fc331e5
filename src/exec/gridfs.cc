#include "exec/gridfs.h"

#include <vector>

#include "base/error.h"

namespace fm {

using bson::Document;
using bson::Value;

namespace {

constexpr const char* kFiles = "fs.files";
constexpr const char* kChunks = "fs.chunks";
constexpr std::size_t kChunkSize = 261120;

struct Stop {};

// Calls visit with the content in order until it returns false.
void read_content(Mongo& mongo, const Value& file, const std::function<bool(std::string_view)>& visit) {
  FindOptions options;
  options.sort = Document{{"n", 1}};
  try {
    mongo.find(kChunks, Document{{"files_id", file}}, options, [&](bson::View view) {
      const auto data = view.get("data");
      const auto* binary = data ? data->as<bson::Binary>() : nullptr;
      if (!binary || !visit(binary->data)) throw Stop{};
    });
  } catch (const Stop&) {
  }
}

std::optional<JsonKeyFinder::Range> find_key(Mongo& mongo, const Value& file, const std::string& key) {
  JsonKeyFinder finder(key);
  read_content(mongo, file, [&](std::string_view piece) { return !finder.feed(piece); });
  return finder.found();
}

// Cuts a stream of bytes into chunk documents.
class ChunkWriter {
 public:
  ChunkWriter(Mongo& mongo, const ops::FilePatch& patch, const ops::IdGenerator& ids)
      : mongo_(mongo), patch_(patch), ids_(ids) {}

  void write(std::string_view bytes) {
    buffer_ += bytes;
    while (buffer_.size() >= kChunkSize) flush(kChunkSize);
  }
  std::int64_t finish() {
    if (!buffer_.empty()) flush(buffer_.size());
    return length_;
  }

 private:
  void flush(std::size_t size) {
    const auto id = ids_.make("datasets", patch_.new_id, "gridfs", "chunk", static_cast<std::size_t>(n_));
    mongo_.insert(kChunks, {Document{{"_id", id},
                                     {"files_id", patch_.new_id},
                                     {"n", n_},
                                     {"data", bson::Binary{0, buffer_.substr(0, size)}}}});
    buffer_.erase(0, size);
    length_ += static_cast<std::int64_t>(size);
    ++n_;
  }

  Mongo& mongo_;
  const ops::FilePatch& patch_;
  const ops::IdGenerator& ids_;
  std::string buffer_;
  std::int32_t n_ = 0;
  std::int64_t length_ = 0;
};

// The part of `piece` (which starts at `offset`) inside [begin, end).
std::string_view part(std::string_view piece, std::size_t offset, std::size_t begin, std::size_t end) {
  const std::size_t from = begin > offset ? begin - offset : 0;
  const std::size_t to = end > offset ? end - offset : 0;
  if (from >= piece.size() || to <= from) return {};
  return piece.substr(from, std::min(to, piece.size()) - from);
}

}  // namespace

bool JsonKeyFinder::feed(std::string_view piece) {
  for (const char c : piece) {
    if (done_) return true;
    const std::size_t at = offset_++;
    if (in_string_) {
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        in_string_ = false;
        if (in_wanted_) {
          found_ = Range{begin_, at};
          done_ = true;
        } else if (expect_key_) {
          expect_key_ = false;
          at_value_ = text_ == key_;
        }
        continue;
      }
      if (expect_key_ && !in_wanted_) text_ += c;
      continue;
    }
    switch (c) {
      case '"':
        if (depth_ == 0) done_ = true;
        in_string_ = true;
        in_wanted_ = at_value_;
        begin_ = at + 1;
        text_.clear();
        break;
      case '{':
      case '[':
        if (depth_ == 0 && c == '[') done_ = true;
        if (at_value_) done_ = true;  // the key is there, but no string
        ++depth_;
        expect_key_ = depth_ == 1;
        break;
      case '}':
      case ']':
        if (--depth_ <= 0) done_ = true;
        break;
      case ',':
        if (depth_ == 1) expect_key_ = true;
        if (at_value_) done_ = true;
        break;
      default:
        break;
    }
  }
  return done_;
}

bool file_has_key(Mongo& mongo, const Value& file, const std::string& key) {
  if (!mongo.find_one(kFiles, Document{{"_id", file}})) return false;
  return find_key(mongo, file, key).has_value();
}

void copy_patched(Mongo& mongo, const ops::FilePatch& patch, std::int64_t now_ms, const ops::IdGenerator& ids) {
  if (mongo.find_one(kFiles, Document{{"_id", patch.new_id}})) return;  // complete: the file document comes last
  const auto range = find_key(mongo, patch.old_id, patch.key);
  if (!range) throw Error(Exit::kFailed, "the results of a run changed while they were migrated");
  ChunkWriter out(mongo, patch, ids);
  std::size_t offset = 0;
  read_content(mongo, patch.old_id, [&](std::string_view piece) {
    out.write(part(piece, offset, 0, range->begin));
    if (range->begin >= offset && range->begin < offset + piece.size()) out.write(patch.value);
    out.write(part(piece, offset, range->end, std::string_view::npos));
    offset += piece.size();
    return true;
  });
  const std::int64_t length = out.finish();
  mongo.insert(kFiles, {Document{{"_id", patch.new_id},
                                 {"contentType", "application/json"},
                                 {"chunkSize", static_cast<std::int32_t>(kChunkSize)},
                                 {"length", length},
                                 {"uploadDate", bson::Date{now_ms}}}});
}

void delete_file(Mongo& mongo, const Value& file) {
  mongo.remove(kFiles, {file});
  std::vector<Value> chunks;
  FindOptions options;
  options.projection = Document{{"_id", 1}};
  mongo.find(kChunks, Document{{"files_id", file}}, options, [&](bson::View view) {
    if (auto id = view.get("_id")) chunks.push_back(std::move(*id));
  });
  mongo.remove(kChunks, chunks);
}

}  // namespace fm
