#include "archive/manifest.h"

#include "archive/files.h"
#include "archive/json_reader.h"
#include "archive/json_writer.h"
#include "archive/paths.h"
#include "base/error.h"
#include "bson/path.h"
#include "bson/read.h"

namespace fm::archive {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr const char* kFormat = "fiftyone-migrator archive";
constexpr std::int32_t kFormatVersion = 1;

std::vector<Document> indexes_at(const Document& from, const char* path) {
  std::vector<Document> out;
  for (const auto* index : bson::documents_at(from, path)) out.push_back(*index);
  return out;
}

}  // namespace

const ManifestFile* Manifest::find(const std::string& name) const {
  for (const auto& file : files) {
    if (file.name == name) return &file;
  }
  return nullptr;
}

std::string to_json(const Manifest& manifest) {
  Array files;
  for (const auto& file : manifest.files) {
    Document one{{"name", file.name}, {"bytes", file.bytes}, {"sha256", file.sha256}};
    if (file.documents >= 0) one.append("documents", file.documents);
    files.append(std::move(one));
  }
  const Document document{
      {"format", kFormat},
      {"format_version", kFormatVersion},
      {"tool", manifest.tool},
      {"dataset", manifest.dataset},
      {"version", manifest.version},
      {"created", bson::Date{manifest.created_ms}},
      {"media", Document{{"mode", manifest.media}, {"files", manifest.media_files}, {"bytes", manifest.media_bytes}}},
      {"fields", Array::of(manifest.fields)},
      {"rel_dir", manifest.rel_dir.empty() ? Value() : Value(manifest.rel_dir)},
      {"files", std::move(files)},
      {"indexes",
       Document{{"samples", Array::of(manifest.sample_indexes)}, {"frames", Array::of(manifest.frame_indexes)}}}};
  // Widths of integers in index options stay.
  return to_json(document, JsonStyle::kCanonical) + "\n";
}

std::optional<Manifest> read_manifest(const std::string& folder) {
  const auto path = folder + "/" + kManifestFile;
  if (!is_file(path)) return std::nullopt;
  auto text = read_whole(path);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  const auto document = parse_document(text, path);
  if (bson::text_at(document, "format") != kFormat) return std::nullopt;  // of another program
  if (bson::integer_at(document, "format_version") != kFormatVersion) {
    throw Error(Exit::kPrecondition, path + " was written by a later version of this program",
                "Use that version, or delete manifest.json to do without its checks and indexes.");
  }
  Manifest out;
  out.tool = bson::text_at(document, "tool");
  out.dataset = bson::text_at(document, "dataset");
  out.version = bson::text_at(document, "version");
  out.created_ms = bson::date_at(document, "created").value_or(0);
  out.media = bson::text_at(document, "media.mode");
  out.media_files = bson::integer_at(document, "media.files");
  out.media_bytes = bson::integer_at(document, "media.bytes");
  out.rel_dir = bson::text_at(document, "rel_dir");
  out.fields = bson::strings_at(document, "fields");
  for (const auto* file : bson::documents_at(document, "files")) {
    ManifestFile one{bson::text_at(*file, "name"), bson::integer_at(*file, "bytes"), bson::text_at(*file, "sha256"),
                     -1};
    if (file->has("documents")) one.documents = bson::integer_at(*file, "documents");
    if (!stays_within(one.name)) {
      throw Error(Exit::kMismatch, path + " names a file outside the archive: '" + one.name + "'");
    }
    out.files.push_back(std::move(one));
  }
  out.sample_indexes = indexes_at(document, "indexes.samples");
  out.frame_indexes = indexes_at(document, "indexes.frames");
  return out;
}

}  // namespace fm::archive
