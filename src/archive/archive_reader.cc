#include "archive/archive_reader.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <set>

#include "archive/collection_file.h"
#include "archive/document_folder.h"
#include "archive/field_types.h"
#include "archive/files.h"
#include "archive/json_reader.h"
#include "archive/legacy.h"
#include "archive/paths.h"
#include "archive/scan.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/machine.h"
#include "base/version.h"
#include "bson/read.h"
#include "revisions/catalogue.h"

namespace fm::archive {

using bson::Document;
using bson::Value;

namespace fs = std::filesystem;

namespace {

constexpr const char* kDamaged = "The archive is damaged or incomplete: export it again.";

// Brackets and strings only: results may be larger than memory.
void check_json_object(const std::string& path) {
  DocumentScan scan;
  std::int64_t offset = 0;
  bool begun = false;
  const auto bad = [&](std::size_t at) {
    return Error(Exit::kMismatch,
                 path + " is not one JSON object, at byte " + std::to_string(offset + static_cast<std::int64_t>(at)),
                 kDamaged);
  };
  read_pieces(path, [&](std::string_view piece) {
    std::size_t at = 0;
    if (!begun) {
      at = skip_space(piece, 0);
      if (at < piece.size()) {
        begun = true;
        if (piece[at] != '{') throw bad(at);
      }
    }
    if (begun && !scan.done()) at = scan.run(piece, at);
    if (scan.done() && skip_space(piece, at) != piece.size()) throw bad(at);
    offset += static_cast<std::int64_t>(piece.size());
  });
  if (!scan.done()) throw bad(0);
  constexpr std::int64_t kParsed = std::int64_t{16} << 20;
  if (offset <= kParsed) parse_document(read_whole(path), path);
}

std::string trimmed(std::string text) {
  const auto begin = skip_space(text, 0);
  text.erase(0, begin);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\r' || text.back() == '\t')) {
    text.pop_back();
  }
  return text;
}

}  // namespace

ArchiveReader::ArchiveReader(const std::string& folder, const ArchiveOptions& options) : folder_(absolute(folder)) {
  if (is_file(folder_)) {
    throw Error(Exit::kUsage, folder_ + " is a file of a kind that is not read here",
                "Name a folder, or a .zip, .tar, .tar.gz or .tar.bz2 file. Others: unpack it first.");
  }
  if (!is_folder(folder_)) {
    throw Error(Exit::kNotFound, "There is no folder " + folder_, "Name the folder that holds metadata.json.");
  }
  manifest_ = read_manifest(folder_);
  read_metadata(options);
  find_documents();
  find_results();
  check_manifest();
}

void ArchiveReader::read_metadata(const ArchiveOptions& options) {
  const auto path = folder_ + "/metadata.json";
  if (!is_file(path)) {
    throw Error(Exit::kMismatch, "There is no " + path,
                "It is the last file that an export writes: the export was cut off. Export again.");
  }
  auto metadata = parse_document(trimmed(read_whole(path)), path);
  if (metadata.empty()) throw Error(Exit::kMismatch, path + " is empty", kDamaged);
  legacy_ = !metadata.has("version");
  if (legacy_) {
    contents_ = legacy_contents(metadata, path, ops::IdGenerator(0, random_bytes(16)));
    check_field_types(contents_.dataset, path, warnings_);
    return;
  }
  const auto* stored = metadata.find("version");
  if (stored->is_null() || options.assume_version) {
    if (!options.assume_version) {
      throw Error(Exit::kIncompatible, path + " does not say which version of FiftyOne wrote it (\"version\": null)",
                  "If you know it: --assume-version VERSION.");
    }
    metadata.set("version", *options.assume_version);
    stored = metadata.find("version");
  }
  const auto* version = stored->as<std::string>();
  const auto parsed = version ? Version::try_parse(*version) : std::nullopt;
  if (!parsed) {
    throw Error(Exit::kIncompatible,
                path + ": Invalid version: " + (version ? "'" + *version + "'" : std::string(stored->type_name())),
                "If you know which version of FiftyOne wrote the archive: --assume-version VERSION.");
  }
  const bool newer = parsed->base() > Version::parse(built_in_client()).base();
  if (newer && !built_in_compatible().contains(*version)) {
    throw Error(Exit::kIncompatible,
                "The archive was written by FiftyOne " + *version + "; this program reads up to " + built_in_client() +
                    " and what is compatible with " + built_in_compatible().str(),
                "Export it with --target-version, or use a newer fiftyone-migrator.");
  }
  const auto* sources = metadata.find("_media_sources");
  if (sources && sources->truthy()) {
    throw Error(Exit::kIncompatible,
                path +
                    ": the samples name their media by reference (_media_sources), which is "
                    "not supported",
                "Import it with the original.");
  }
  if (!newer) check_field_types(metadata, path, warnings_);
  const ops::IdGenerator ids(0, random_bytes(16));
  contents_ = outlined(std::move(metadata), *version, ids, path);
  if (manifest_) {
    contents_.sample_indexes = manifest_->sample_indexes;
    contents_.frame_indexes = manifest_->frame_indexes;
  }
}

void ArchiveReader::check_has_fields() {
  if (has_sample_fields(contents_.dataset)) return;
  DocumentChunk chunk;
  if (!samples(1)->next(chunk)) return;
  throw Error(Exit::kMismatch,
              folder_ + "/metadata.json declares no fields of samples (sample_fields), and there are some", kDamaged);
}

void ArchiveReader::find_documents() {
  const auto find = [&](const std::string& name) -> std::string {
    const auto path = folder_ + "/" + name;
    if (is_file(path + ".json")) return path + ".json";
    return is_folder(path) ? path : "";
  };
  samples_ = find("samples");
  if (samples_.empty()) {
    throw Error(Exit::kMismatch, "There is no " + folder_ + "/samples.json, and no folder samples/ either", kDamaged);
  }
  if (legacy_) {
    if (is_folder(samples_)) throw Error(Exit::kMismatch, "There is no " + folder_ + "/samples.json", kDamaged);
    sample_bytes_ = file_size(samples_);
    if (!contents_.has_video()) return;
    frames_ = samples_;
    frame_bytes_ = sample_bytes_;
    return;
  }
  check_has_fields();
  frames_ = find("frames");
  const auto media_type = bson::text_at(contents_.dataset, "media_type");
  if (frames_.empty() && media_type == "video") {
    throw Error(Exit::kMismatch, "There is no " + folder_ + "/frames.json, but the dataset is one of videos", kDamaged);
  }
  if (frames_.empty() && contents_.has_video()) {
    warnings_.push_back("There is no frames.json, although some slices are videos");
  }
  if (!frames_.empty() && !contents_.has_video()) {
    throw Error(Exit::kMismatch, frames_ + " is there, but the dataset has no videos: it is of another export",
                "Remove it, or export again into a new folder.");
  }
  const auto size = [](const std::string& path) {
    return path.empty() ? 0 : is_folder(path) ? DocumentFolder(path).total_bytes() : file_size(path);
  };
  sample_bytes_ = size(samples_);
  frame_bytes_ = size(frames_);
}

std::string ArchiveReader::results_path(const RunResults& results) const {
  for (const auto& kind : kRunKinds) {
    if (results.field == kind.field) return folder_ + "/" + kind.folder + "/" + results.key + ".json";
  }
  return "";
}

void ArchiveReader::find_results() {
  for (const auto& kind : kRunKinds) {
    const auto* value = contents_.dataset.find(kind.field);
    const auto* runs = value ? value->as<Document>() : nullptr;
    if (!runs) continue;
    for (const auto& element : *runs) {
      RunResults results{kind.field, element.key, Value()};
      // A key is part of a file name.
      if (element.key.find('/') != std::string::npos || element.key.empty() || element.key.starts_with('.')) continue;
      const auto path = results_path(results);
      if (!is_file(path)) continue;
      check_json_object(path);
      contents_.results.push_back(std::move(results));
    }
  }
}

void ArchiveReader::check_manifest() const {
  if (!manifest_) return;
  for (const auto& file : manifest_->files) {
    const auto path = folder_ + "/" + file.name;
    const bool folder = file.name.ends_with('/');
    const auto bytes = folder && is_folder(path) ? DocumentFolder(path).total_bytes() : file_size(path);
    const bool there = folder ? is_folder(path) : is_file(path);
    if (there && bytes == file.bytes) continue;
    throw Error(
        Exit::kMismatch,
        path + (there ? " has " + std::to_string(bytes) + " bytes, and the manifest says " + std::to_string(file.bytes)
                      : " is missing, and the manifest names it"),
        "The archive is damaged, or was edited. If that is meant: delete manifest.json.");
  }
}

bool ArchiveReader::has_tags() const { return is_file(folder_ + "/tags.json"); }

std::vector<MediaField> ArchiveReader::media(const Document& dataset, bool frames) const {
  auto fields = frames ? frame_media_fields(dataset) : media_fields(dataset);
  if (manifest_) {
    std::erase_if(fields, [&](const MediaField& field) {
      const auto& names = manifest_->fields;
      return std::find(names.begin(), names.end(), field.name) == names.end();
    });
  }
  return fields;
}

std::unique_ptr<DocumentSource> ArchiveReader::open(const std::string& path, const char* key, std::int64_t bytes,
                                                    std::size_t workers) {
  if (is_folder(path)) return text_documents(std::make_unique<DocumentFolder>(path), bytes, workers);
  return text_documents(std::make_unique<CollectionFile>(path, key), bytes, workers);
}

std::unique_ptr<DocumentSource> ArchiveReader::samples(std::size_t workers) {
  if (legacy_) {
    return legacy_samples(folder_, bson::text_at(contents_.dataset, "media_type"), sample_bytes_, workers);
  }
  return open(samples_, "samples", sample_bytes_, workers);
}

std::unique_ptr<DocumentSource> ArchiveReader::frames(std::size_t workers) {
  if (frames_.empty()) return nullptr;
  if (legacy_) return legacy_frames(folder_, frame_bytes_, workers);
  return open(frames_, "frames", frame_bytes_, workers);
}

void ArchiveReader::read_results(const RunResults& results, const std::function<void(std::string_view)>& visit) const {
  read_pieces(results_path(results), visit);
}

void ArchiveReader::read_tags(const std::function<void(const Document&)>& visit) const {
  if (!has_tags()) return;
  const auto source = text_documents(std::make_unique<CollectionFile>(folder_ + "/tags.json", "tags"), 0, 1);
  DocumentChunk chunk;
  while (source->next(chunk)) {
    std::string bson;
    source->decode(chunk, 0, bson);
    std::size_t index = 0;
    for (std::size_t at = 0; at < bson.size(); ++index) {
      std::uint32_t size = 0;
      std::memcpy(&size, bson.data() + at, sizeof size);
      const bson::View view(reinterpret_cast<const std::uint8_t*>(bson.data()) + at, size);
      at += size;
      try {
        visit(view.decode());
      } catch (const std::string& what) {
        throw Error(Exit::kMismatch, source->where(chunk, index, view) + ": " + what, kDamaged);
      }
    }
  }
}

void ArchiveReader::check_sums(const std::stop_token& stop, const std::function<void()>& checkpoint) const {
  if (!manifest_) return;
  for (const auto& file : manifest_->files) {
    if (file.name.ends_with('/') || file.sha256.empty()) continue;
    const auto path = folder_ + "/" + file.name;
    Sha256 hash;
    read_pieces(path, [&](std::string_view piece) {
      if (stop.stop_requested()) throw Error(Exit::kFailed, "Stopped while reading " + path);
      if (checkpoint) checkpoint();
      hash.update(piece);
    });
    if (to_hex(hash.finish()) == file.sha256) continue;
    throw Error(Exit::kMismatch, path + " is not what was exported: its SHA-256 differs from the manifest's",
                "The archive is damaged, or was edited. If that is meant: delete manifest.json.");
  }
}

std::string ArchiveReader::fingerprint() const {
  Sha256 hash;
  const auto add = [&](const std::string& path) {
    if (path.empty()) return;
    std::error_code ignored;
    hash.update(path + "|" + std::to_string(file_size(path)) + "|" +
                std::to_string(fs::last_write_time(path, ignored).time_since_epoch().count()) + "\n");
  };
  for (const auto& path : {folder_, folder_ + "/metadata.json", samples_, frames_, folder_ + "/tags.json"}) add(path);
  return to_hex(hash.finish());
}

}  // namespace fm::archive
