#include "exec/gridfs.h"

#include <map>
#include <optional>

#include "base/error.h"

namespace fm {

using bson::Document;
using bson::Value;

namespace {

constexpr const char* kFiles = "fs.files";
constexpr const char* kChunks = "fs.chunks";
constexpr std::size_t kChunkSize = 261120;
constexpr std::size_t kFlushBytes = std::size_t{4} << 20;

struct Stop {};

// One file on its way: what comes before the key's string is held back, the
// rest flows through.
class Patcher {
 public:
  Patcher(FileWriter& out, const ops::FilePatch& patch) : out_(out), patch_(patch), finder_(patch.key) {}

  void feed(std::string_view piece) {
    if (patched_) return out_.write(patch_.new_id, piece);
    held_ += piece;
    if (!finder_.feed(piece) || !finder_.found()) return;
    const auto range = *finder_.found();
    out_.write(patch_.new_id, std::string_view(held_).substr(0, range.begin));
    out_.write(patch_.new_id, patch_.value);
    out_.write(patch_.new_id, std::string_view(held_).substr(range.end));
    held_.clear();
    patched_ = true;
  }
  void close() {
    if (!patched_) throw Error(Exit::kFailed, "the results of a run changed while they were migrated");
    out_.close(patch_.new_id);
  }

 private:
  FileWriter& out_;
  const ops::FilePatch& patch_;
  JsonKeyFinder finder_;
  std::string held_;
  bool patched_ = false;
};

std::string key_of(const Value& id) {
  const auto encoded = bson::encode(Document{{"", id}});
  return {reinterpret_cast<const char*>(encoded.data()), encoded.size()};
}

}  // namespace

void FileWriter::write(const bson::Oid& file, std::string_view bytes) {
  buffer_ += bytes;
  while (buffer_.size() >= kChunkSize) chunk(file, kChunkSize);
}

void FileWriter::close(const bson::Oid& file) {
  if (!buffer_.empty()) chunk(file, buffer_.size());
  files_.push_back({{"_id", file},
                    {"contentType", "application/json"},
                    {"chunkSize", static_cast<std::int32_t>(kChunkSize)},
                    {"length", length_},
                    {"uploadDate", bson::Date{now_ms_}}});
  length_ = 0;
  n_ = 0;
}

void FileWriter::finish() {
  flush();
  mongo_.insert(kFiles, files_);
}

void FileWriter::chunk(const bson::Oid& file, std::size_t size) {
  const auto id = ids_.make("datasets", file, "gridfs", "chunk", static_cast<std::size_t>(n_));
  chunks_.push_back({{"_id", id}, {"files_id", file}, {"n", n_}, {"data", bson::Binary{0, buffer_.substr(0, size)}}});
  buffer_.erase(0, size);
  length_ += static_cast<std::int64_t>(size);
  ++n_;
  pending_ += size;
  if (pending_ >= kFlushBytes) flush();
}

void FileWriter::flush() {
  mongo_.insert(kChunks, chunks_);
  chunks_.clear();
  pending_ = 0;
}

void read_file(Mongo& mongo, const Value& file, const std::function<void(std::string_view)>& visit) {
  FindOptions options;
  options.sort = Document{{"n", 1}};
  mongo.find(kChunks, Document{{"files_id", file}}, options, [&](bson::View view) {
    const auto data = view.get("data");
    if (const auto* binary = data ? data->as<bson::Binary>() : nullptr) visit(binary->data);
  });
}

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
  JsonKeyFinder finder(key);
  FindOptions options;
  options.sort = Document{{"n", 1}};
  try {
    mongo.find(kChunks, Document{{"files_id", file}}, options, [&](bson::View view) {
      const auto data = view.get("data");
      const auto* binary = data ? data->as<bson::Binary>() : nullptr;
      if (!binary || finder.feed(binary->data)) throw Stop{};
    });
  } catch (const Stop&) {
  }
  return finder.found().has_value();
}

std::optional<bool> chunk_has_key(bson::View chunk, const std::string& key) {
  const auto data = chunk.get("data");
  const auto* binary = data ? data->as<bson::Binary>() : nullptr;
  if (!binary) return std::nullopt;
  JsonKeyFinder finder(key);
  if (!finder.feed(binary->data)) return std::nullopt;
  return finder.found().has_value();
}

void copy_patched(Mongo& mongo, const std::vector<ops::FilePatch>& patches, std::int64_t now_ms,
                  const ops::IdGenerator& ids) {
  if (patches.empty()) return;
  std::map<std::string, const ops::FilePatch*> wanted;
  std::vector<ops::FilePatch> others;  // of a file that two runs share
  bson::Array old_ids;
  for (const auto& patch : patches) {
    if (wanted.emplace(key_of(patch.old_id), &patch).second) {
      old_ids.append(patch.old_id);
    } else {
      others.push_back(patch);
    }
  }
  FileWriter out(mongo, now_ms, ids);
  std::string current;
  std::optional<Patcher> patcher;
  FindOptions options;
  options.sort = Document{{"files_id", 1}, {"n", 1}};
  mongo.find(kChunks, Document{{"files_id", Document{{"$in", std::move(old_ids)}}}}, options, [&](bson::View view) {
    const auto key = key_of(*view.get("files_id"));
    if (key != current) {
      if (patcher) patcher->close();
      patcher.emplace(out, *wanted.at(key));
      current = key;
    }
    const auto data = view.get("data");
    if (const auto* binary = data ? data->as<bson::Binary>() : nullptr) patcher->feed(binary->data);
  });
  if (patcher) patcher->close();
  out.finish();
  copy_patched(mongo, others, now_ms, ids);
}

void delete_files(Mongo& mongo, const bson::Array& files) {
  if (files.empty()) return;
  mongo.remove_where(kFiles, Document{{"_id", Document{{"$in", files}}}});
  mongo.remove_where(kChunks, Document{{"files_id", Document{{"$in", files}}}});
}

void add_result_file(const Document& run, std::vector<Value>& files) {
  const auto* file = run.find("results");
  if (file && file->as<bson::Oid>()) files.push_back(*file);
}

void each_run(const Document& dataset, const std::function<void(const Document& run)>& visit) {
  for (const char* field : {"annotation_runs", "brain_methods", "evaluations", "runs"}) {
    const auto* value = dataset.find(field);
    const auto* runs = value ? value->as<Document>() : nullptr;
    if (!runs) continue;
    for (const auto& [key, run] : *runs) {
      if (const auto* one = run.as<Document>()) visit(*one);
    }
  }
}

void add_result_files(const Document& dataset, std::vector<Value>& files) {
  each_run(dataset, [&](const Document& run) { add_result_file(run, files); });
}

}  // namespace fm
