#include "archive/export.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "archive/collection_writer.h"
#include "archive/contents.h"
#include "archive/database_reader.h"
#include "archive/documents.h"
#include "archive/field_types.h"
#include "archive/manifest.h"
#include "archive/names.h"
#include "archive/packed.h"
#include "archive/paths.h"
#include "archive/replaced.h"
#include "archive/tags.h"
#include "backup/disk.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/machine.h"
#include "base/version.h"
#include "bson/read.h"
#include "revisions/catalogue.h"

namespace fm::archive {

using bson::Document;

namespace {

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

const char* name_of(MediaMode mode) {
  switch (mode) {
    case MediaMode::kCopy:
      return "copy";
    case MediaMode::kMove:
      return "move";
    case MediaMode::kSymlink:
      return "symlink";
    case MediaMode::kNone:
      return "none";
  }
  return "none";
}

Route choose_route(const std::string& from, const std::optional<std::string>& target) {
  constexpr const char* kOldest = "0.8.0";  // whose archives have this layout
  if (!target) return Route{from, from, Direction::kUp, {}, true};
  if (Version::parse(*target).base() < Version::parse(kOldest)) {
    throw Error(Exit::kIncompatible,
                std::string("Archives are of this layout from ") + kOldest + " on, not at " + *target,
                "Choose a version from there on.");
  }
  return make_route(built_in_catalogue(), built_in_catalogue().datasets, from, Version::parse(*target).str());
}

// A folder that holds something.
bool is_there(const std::string& folder) {
  std::error_code error;
  return std::filesystem::is_directory(folder, error) && !std::filesystem::is_empty(folder, error);
}

class Export {
 public:
  Export(Mongo& mongo, const ExportRequest& request, const Observer& observer)
      : mongo_(mongo),
        request_(request),
        observer_(observer),
        reader_(mongo, request.name),
        created_ms_(now_ms()),
        ids_(created_ms_, random_bytes(16)) {
    if (request_.rel_dir) rel_dir_ = absolute(*request_.rel_dir);
  }

  ExportReport run() {
    const auto start = std::chrono::steady_clock::now();
    prepare();
    const auto metadata = metadata_json();
    const bool packed = unpacked_name(request_.directory).has_value();
    if (packed && request_.media == MediaMode::kSymlink) {
      throw Error(Exit::kUsage, "Links cannot be packed into one file", "Name a folder, or copy the media.");
    }
    if (is_other_packed(request_.directory)) {
      throw Error(Exit::kUsage, "Files of this kind are not written: " + request_.directory,
                  "Name a folder, or a .zip, .tar, .tar.gz or .tar.bz2 file.");
    }
    if (request_.overwrite && !packed && is_there(request_.directory)) {
      replaced_.emplace(request_.directory);
      replaced_->keep_out_datasets(mongo_);
    }
    using Target = dump::Staging::Target;
    dump::Staging staging(request_.directory, request_.overwrite, packed ? Target::kFile : Target::kArchive);
    // What is packed grows beside the file that it becomes.
    folder_ = packed ? staging.path() + "/content" : staging.path();
    if (packed) staging.make_folder("content");
    MediaWriter media(folder_, request_.media, rel_dir_, request_.chunk_size, request_.jobs, replaced_);
    write_documents(media, false);
    write_documents(media, true);
    observer_.begin("Finishing");
    media.finish([&] { observer_.checkpoint(); });
    write_results();
    write_tags();
    add_file("metadata.json", metadata);
    if (const auto changed = reader_.changed_since(); !changed.empty()) {
      warn(changed + ": the archive may be a mixture");
    }
    report_.media_files = media.files();
    report_.media_bytes = media.bytes();
    if (media.left_alone() > 0) {
      warn(std::to_string(media.left_alone()) +
           " paths name an object store or a web server and were left as they are");
    }
    write_manifest();
    if (packed) {
      observer_.begin("Packing");
      write_file("metadata.json", metadata);
      const auto name = std::filesystem::path(request_.directory).filename().string();
      pack(folder_, staging.path() + "/" + name, observer_);
      staging.publish_file(name);
    } else {
      staging.publish("metadata.json", metadata, 0666);
    }
    report_.directory = staging.target();
    if (const auto stayed = media.remove_sources()) warn(*stayed);
    report_.snapshot = reader_.moment().has_value();
    report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return std::move(report_);
  }

 private:
  JsonStyle style() const { return request_.canonical ? JsonStyle::kCanonical : JsonStyle::kRelaxed; }
  void warn(const std::string& text) { report_.warnings.push_back(text); }

  void prepare() {
    auto contents = reader_.contents();
    for (const auto& kind : kRunKinds) {
      if (!request_.runs && contents.dataset.has(kind.field)) contents.dataset.set(kind.field, Document());
    }
    if (!request_.runs) contents.results.clear();
    for (const auto& kind : kListKinds) {
      const bool wanted = std::string_view(kind.collection) == "views" ? request_.views : request_.workspaces;
      if (!wanted && contents.dataset.has(kind.field)) contents.dataset.set(kind.field, bson::Array());
    }
    const auto route = choose_route(contents.version(), request_.target_version);
    report_.name = contents.name();
    migrated_ = migrate(std::move(contents), route, created_ms_, ids_, read_results());
    report_.version = migrated_.contents.version();
    report_.losses = migrated_.losses;
    for (const auto& message : migrated_.messages) warn(message.text);
    if (!report_.losses.empty() && !request_.allow_loss) {
      std::string text = "An archive for v" + report_.version + " leaves out:";
      for (const auto& loss : report_.losses) text += "\n  v" + loss.revision + "  " + loss.what;
      throw Error(Exit::kIncompatible, text,
                  "The dataset itself stays as it is: repeat the command with --allow-loss.");
    }
    check_has_fields();
    sample_media_ = media_fields(migrated_.contents.dataset);
    frame_media_ = frame_media_fields(migrated_.contents.dataset);
  }

  // An archive that no client reads, and no import takes.
  void check_has_fields() {
    if (has_sample_fields(migrated_.contents.dataset)) return;
    DocumentChunk chunk;
    if (!reader_.samples()->next(chunk)) return;
    throw Error(Exit::kPrecondition,
                "Dataset '" + report_.name +
                    "' declares no fields of samples (sample_fields), and has some: no client could read them",
                "Restore its document from a backup; fiftyone-migrator verify says what else is damaged.");
  }

  // What text could not give back is refused before anything is written.
  std::string metadata_json() {
    const auto document = inlined(migrated_.contents, [&](const std::string& text) { warn(text); });
    try {
      return to_json(document, style());
    } catch (const NotWritable& error) {
      throw Error(Exit::kMismatch, "The document of dataset '" + report_.name + "': " + error.what(),
                  "Rename the key, or correct the value, with the client that wrote it.");
    }
  }

  ReadResults read_results() {
    return [this](const RunResults& results, const std::function<void(std::string_view)>& visit) {
      reader_.read_results(results, visit);
    };
  }

  void write_documents(MediaWriter& media, bool frames) {
    const auto source = frames ? reader_.frames() : reader_.samples();
    if (!source && !(frames && migrated_.contents.has_video())) return;
    const auto* name = frames ? "frames" : "samples";
    observer_.begin(std::string("Exporting ") + name);
    CollectionWriter writer(folder_, name, request_.use_dirs, request_.ordered, style());
    if (source) {
      MemberEdit edit;
      edit.frames = frames;
      edit.work = frames ? migrated_.frame_work : migrated_.sample_work;
      edit.work_now_ms = created_ms_;
      edit.ids = &ids_;
      const auto& fields = frames ? frame_media_ : sample_media_;
      const bool copies = request_.media != MediaMode::kNone;
      const bool touches = copies || rel_dir_ || replaced_;
      if (touches && (!frames || !fields.empty())) {
        // Waits for copies.
        edit.own = [&](Document& document) {
          observer_.checkpoint();
          media.edit(document, fields, frames);
        };
      }
      const auto total = source->total_bytes();
      std::int64_t done = 0;
      // Names depend on the order of the documents.
      const auto jobs = copies && edit.own ? std::size_t{1} : request_.jobs;
      const auto moved = move_documents(*source, edit, writer.sink(), jobs, 0, [&](std::int64_t bytes) {
        done += bytes;
        observer_.progress(std::min(done, total), total);
      });
      (frames ? report_.frames : report_.samples) = moved.documents;
    }
    files_.push_back(writer.finish());
    report_.bytes += files_.back().bytes;
  }

  void add_file(const std::string& name, std::string_view content) {
    files_.push_back({name, static_cast<std::int64_t>(content.size()), sha256_hex(content), -1});
  }

  void write_results() {
    for (const auto& results : migrated_.contents.results) {
      observer_.checkpoint();
      const char* folder = nullptr;
      for (const auto& kind : kRunKinds) {
        if (results.field == kind.field) folder = kind.folder;
      }
      const auto name = std::string(folder) + "/" + results.key + ".json";
      if (results.key.find('/') != std::string::npos || results.key.starts_with('.')) {
        warn("The results of run '" + results.key + "' are left out: its key is no name of a file");
        continue;
      }
      std::filesystem::create_directories(folder_ + "/" + folder);
      dump::OutputFile file(folder_ + "/" + name, 0666);
      Sha256 hash;
      std::int64_t bytes = 0;
      write_patched(results, read_results(), [&](std::string_view piece) {
        file.write(piece);
        hash.update(piece);
        bytes += static_cast<std::int64_t>(piece.size());
      });
      file.close();
      if (bytes == 0) {
        std::filesystem::remove(folder_ + "/" + name);
        warn("The results of run '" + results.key + "' are missing in the database");
        continue;
      }
      files_.push_back({name, bytes, to_hex(hash.finish()), -1});
    }
  }

  void write_tags() {
    std::unique_ptr<CollectionWriter> writer;
    DocumentSink sink;
    reader_.read_tags([&](const Document& tag) {
      if (!writer) {
        writer = std::make_unique<CollectionWriter>(folder_, "tags", false, true, style());
        sink = writer->sink();
      }
      const auto record = bson::encode(tag_record(tag));
      std::string text;
      sink.encode({reinterpret_cast<const char*>(record.data()), record.size()}, text);
      sink.write(text, 1);
      ++report_.tags;
    });
    if (writer) files_.push_back(writer->finish());
  }

  void write_manifest() {
    Manifest manifest;
    manifest.tool = request_.tool;
    manifest.dataset = report_.name;
    manifest.version = report_.version;
    manifest.created_ms = created_ms_;
    manifest.media = name_of(request_.media);
    manifest.media_files = report_.media_files;
    manifest.media_bytes = report_.media_bytes;
    if (request_.media != MediaMode::kNone || rel_dir_) {
      for (const auto& field : sample_media_) manifest.fields.push_back(field.name);
      for (const auto& field : frame_media_) manifest.fields.push_back(field.name);
    }
    if (rel_dir_) manifest.rel_dir = *rel_dir_;
    manifest.files = files_;
    manifest.sample_indexes = migrated_.contents.sample_indexes;
    manifest.frame_indexes = migrated_.contents.frame_indexes;
    write_file(kManifestFile, archive::to_json(manifest));
  }

  void write_file(const std::string& name, std::string_view content) {
    dump::OutputFile file(folder_ + "/" + name, 0666);
    file.write(content);
    file.close();
  }

  Mongo& mongo_;
  const ExportRequest& request_;
  const Observer& observer_;
  DatabaseReader reader_;
  std::int64_t created_ms_;
  ops::IdGenerator ids_;
  std::optional<std::string> rel_dir_;
  std::optional<Replaced> replaced_;
  std::string folder_;
  Migrated migrated_;
  std::vector<MediaField> sample_media_;
  std::vector<MediaField> frame_media_;
  std::vector<ManifestFile> files_;
  ExportReport report_;
};

}  // namespace

ExportReport export_dataset(Mongo& mongo, const ExportRequest& request, const Observer& observer) {
  require_utf8(request.name, "The name", "Names are UTF-8: see dataset list.");
  if (request.rel_dir) require_utf8(*request.rel_dir, "The folder to cut from paths", "Name another with --rel-dir.");
  return Export(mongo, request, observer).run();
}

}  // namespace fm::archive
