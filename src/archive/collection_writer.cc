#include "archive/collection_writer.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/error.h"

namespace fm::archive {

namespace {

std::string id_of(bson::View document) {
  const auto id = document.get("_id");
  const auto* oid = id ? id->as<bson::Oid>() : nullptr;
  if (oid) return oid->hex();
  return id && id->as<std::string>() ? *id->as<std::string>() : "";
}

}  // namespace

CollectionWriter::CollectionWriter(const std::string& folder, const std::string& name, bool use_dirs, bool ordered,
                                   JsonStyle style)
    : name_(name), path_(folder + "/" + name), use_dirs_(use_dirs), ordered_(ordered), style_(style) {
  if (use_dirs_) {
    std::filesystem::create_directory(path_);
    return;
  }
  file_ = std::make_unique<dump::OutputFile>(path_ + ".json", 0666);
  put("{\"" + name_ + "\": [");
}

void CollectionWriter::put(std::string_view bytes) {
  file_->write(bytes);
  hash_.update(bytes);
  bytes_ += static_cast<std::int64_t>(bytes.size());
}

DocumentSink CollectionWriter::sink() {
  DocumentSink out;
  // JSON as written holds no line break: one ends each document (with folders
  // its id stands in front), or a comma.
  out.encode = [this](std::string_view bson, std::string& text) {
    const bson::View view(reinterpret_cast<const std::uint8_t*>(bson.data()), bson.size());
    const auto start = text.size();
    try {
      if (use_dirs_) text.append(id_of(view)).append("\n");
      write_json(view, style_, text);
      text += use_dirs_ ? '\n' : ',';
    } catch (const NotWritable& error) {
      text.resize(start);
      throw Error(Exit::kMismatch, "Document " + id_of(view) + " of the " + name_ + ": " + error.what(),
                  "Rename the key, or correct the value, with the client that wrote it.");
    }
  };
  out.write = [this](std::string& chunk, std::int64_t documents) {
    if (use_dirs_) {
      write_files(chunk);
      return;
    }
    if (documents_ > 0) put(",");
    documents_ += documents;
    put(std::string_view(chunk).substr(0, chunk.size() - 1));
  };
  return out;
}

void CollectionWriter::write_files(std::string_view chunk) {
  while (!chunk.empty()) {
    const auto id_end = chunk.find('\n');
    const auto end = chunk.find('\n', id_end + 1);
    const std::string id(chunk.substr(0, id_end));
    const auto json = chunk.substr(id_end + 1, end - id_end - 1);
    chunk.remove_prefix(end + 1);
    ++documents_;
    if (id.empty() || id.find('/') != std::string::npos) {
      throw Error(Exit::kMismatch, "A document of the " + name_ + " has an _id that is no name of a file",
                  "Export without --use-dirs.");
    }
    const auto file_name = ordered_ ? fmt::format("{:06}-{}.json", documents_, id) : id + ".json";
    dump::OutputFile file(path_ + "/" + file_name, 0666);
    file.write(json);
    file.close();
    bytes_ += static_cast<std::int64_t>(json.size());
  }
}

ManifestFile CollectionWriter::finish() {
  if (use_dirs_) return {name_ + "/", bytes_, "", documents_};
  put("]}");
  file_->close();
  file_.reset();
  return {name_ + ".json", bytes_, to_hex(hash_.finish()), documents_};
}

}  // namespace fm::archive
