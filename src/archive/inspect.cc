#include "archive/inspect.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <mutex>

#include "archive/archive_reader.h"
#include "archive/files.h"
#include "archive/opened.h"
#include "archive/paths.h"
#include "archive/tags.h"
#include "base/error.h"
#include "base/text.h"
#include "bson/read.h"
#include "exec/control.h"

namespace fm::archive {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

using Id = std::array<std::uint8_t, 12>;
constexpr std::size_t kShown = 10;

std::string shown(const Id& id) {
  bson::Oid oid;
  std::copy(id.begin(), id.end(), oid.bytes);
  return oid.hex();
}

void add_fields(const Document& dataset, const char* key, const std::string& prefix,
                std::vector<Inspected::Field>& out) {
  const auto* value = dataset.find(key);
  const auto* list = value ? value->as<Array>() : nullptr;
  for (std::size_t i = 0; list && i < list->size(); ++i) {
    const auto* field = (*list)[i].as<Document>();
    if (!field) continue;
    auto type = bson::text_at(*field, "embedded_doc_type");
    if (type.empty()) type = bson::text_at(*field, "ftype");
    const auto inner = bson::text_at(*field, "subfield");
    const auto base = [](const std::string& name) { return name.substr(name.rfind('.') + 1); };
    auto text = base(type);
    if (!inner.empty() && bson::text_at(*field, "embedded_doc_type").empty()) text += "(" + base(inner) + ")";
    out.push_back({prefix + bson::text_at(*field, "name"), text});
  }
}

Inspected look(ArchiveReader& reader) {
  Inspected out;
  const auto& contents = reader.contents();
  const auto& dataset = contents.dataset;
  out.folder = reader.folder();
  out.name = contents.name();
  out.legacy = reader.legacy();
  out.version = out.legacy ? "" : contents.version();
  out.media_type = bson::text_at(dataset, "media_type");
  out.bytes = reader.document_bytes();
  add_fields(dataset, "sample_fields", "", out.fields);
  if (contents.has_video()) add_fields(dataset, "frame_fields", "frames.", out.fields);
  for (const auto& kind : kRunKinds) {
    const auto* value = dataset.find(kind.field);
    const auto* runs = value ? value->as<Document>() : nullptr;
    if (!runs) continue;
    for (const auto& element : *runs) {
      const bool has = std::any_of(contents.results.begin(), contents.results.end(), [&](const RunResults& results) {
        return results.field == kind.field && results.key == element.key;
      });
      out.runs.push_back({kind.field, element.key, has});
    }
  }
  const auto names = [&](const char* collection, std::vector<std::string>& into) {
    const auto found = contents.documents.find(collection);
    if (found == contents.documents.end()) return;
    for (const auto& document : found->second) into.push_back(bson::text_at(document, "name"));
  };
  names("views", out.views);
  names("workspaces", out.workspaces);
  for (const auto& field : media_fields(dataset)) out.media_fields.push_back(field.name);
  for (const auto& field : frame_media_fields(dataset)) out.media_fields.push_back(field.name);
  out.has_manifest = reader.manifest().has_value();
  if (out.has_manifest) out.media_mode = reader.manifest()->media;
  reader.read_tags([&](const Document&) { ++out.tags; });
  out.warnings = reader.warnings();
  return out;
}

std::int64_t count(DocumentSource* source, const Observer& observer) {
  std::int64_t documents = 0;
  std::int64_t done = 0;
  DocumentChunk chunk;
  while (source && source->next(chunk)) {
    documents += static_cast<std::int64_t>(chunk.text.slices.size());
    done += chunk.bytes;
    observer.progress(done, source->total_bytes());
  }
  return documents;
}

class Verifier {
 public:
  Verifier(ArchiveReader& reader, std::size_t jobs, const Observer& observer, Checked& out)
      : reader_(reader), jobs_(jobs), observer_(observer), out_(out) {}

  void run() {
    observer_.begin("Checking sums");
    try {
      reader_.check_sums({}, [&] { observer_.checkpoint(); });
    } catch (const Error& error) {
      if (is_stop(error.code())) throw;
      out_.problems.emplace_back(error.what());
    }
    read_tags();
    read(false);
    read(true);
    compare();
  }

 private:
  struct Frame {
    Id sample;
    Id id;
    std::int32_t number;
  };

  void problem(const std::string& text) {
    const std::lock_guard lock(mutex_);
    if (++count_ <= kShown) out_.problems.push_back(text);
  }

  // As an import takes them; one that is none ends the reading.
  void read_tags() {
    static const ops::IdGenerator kNoIds(0, "");
    std::size_t ordinal = 0;
    try {
      reader_.read_tags([&](const Document& record) { tag_document(record, Value(), kNoIds, ordinal++); });
    } catch (const Error& error) {
      out_.problems.emplace_back(error.what());
    }
  }

  void check_paths(const Document& document, const std::vector<MediaField>& fields, bool frames) {
    const auto check = [&](const std::string& path) {
      if (path.empty() || is_absolute(path)) return;
      const auto full = join_normal(reader_.folder(), path);
      if (!is_file(full)) problem("A media file is missing: " + full);
    };
    const auto* filepath = frames ? nullptr : document.find("filepath");
    if (const auto* path = filepath ? filepath->as<std::string>() : nullptr) check(*path);
    auto copy = document;
    for (const auto& field : fields) for_each_path(copy, field, check);
  }

  void read(bool frames) {
    const auto source = frames ? reader_.frames(jobs_) : reader_.samples(jobs_);
    if (!source) return;
    observer_.begin(frames ? "Reading frames" : "Reading samples");
    const auto fields = reader_.media(reader_.contents().dataset, frames);
    // Only an archive that holds media, or says what it holds, is asked for files.
    const bool holds_media = is_folder(reader_.folder() + "/data") || is_folder(reader_.folder() + "/fields");
    MemberEdit edit;
    edit.frames = frames;
    if (holds_media) edit.own = [&](Document& document) { check_paths(document, fields, frames); };
    DocumentSink sink;
    sink.encode = [&](std::string_view bson, std::string& out) {
      const bson::View view(reinterpret_cast<const std::uint8_t*>(bson.data()), bson.size());
      Frame frame{};
      const auto id_at = [&](const char* key, Id& into) {
        const auto value = view.get(key);
        const auto* oid = value ? value->as<bson::Oid>() : nullptr;
        if (oid) std::copy(std::begin(oid->bytes), std::end(oid->bytes), into.begin());
        return oid != nullptr;
      };
      id_at("_id", frame.id);
      if (frames) {
        if (!id_at("_sample_id", frame.sample)) problem("A frame has no _sample_id");
        const auto number = view.get("frame_number");
        frame.number = static_cast<std::int32_t>(number ? number->integer().value_or(0) : 0);
      }
      out.append(reinterpret_cast<const char*>(&frame), sizeof frame);
    };
    sink.write = [&](std::string& chunk, std::int64_t documents) {
      for (std::int64_t i = 0; i < documents; ++i) {
        Frame frame{};
        std::memcpy(&frame, chunk.data() + static_cast<std::size_t>(i) * sizeof frame, sizeof frame);
        if (frames) {
          frames_.push_back(frame);
        } else {
          samples_.push_back(frame.id);
        }
      }
    };
    std::int64_t done = 0;
    const auto total = source->total_bytes();
    const auto moved = move_documents(*source, edit, sink, jobs_, 0, [&](std::int64_t bytes) {
      done += bytes;
      observer_.progress(std::min(done, total), total);
    });
    (frames ? out_.archive.frames : out_.archive.samples) = moved.documents;
  }

  void compare() {
    const Id none{};
    std::sort(samples_.begin(), samples_.end());
    for (std::size_t i = 1; i < samples_.size(); ++i) {
      if (samples_[i] == samples_[i - 1] && samples_[i] != none) {
        problem("Two samples have the _id " + shown(samples_[i]));
      }
    }
    std::sort(frames_.begin(), frames_.end(), [](const Frame& a, const Frame& b) {
      return a.sample != b.sample ? a.sample < b.sample : a.number < b.number;
    });
    std::int64_t orphans = 0;
    for (std::size_t i = 0; i < frames_.size(); ++i) {
      const auto& frame = frames_[i];
      if (!std::binary_search(samples_.begin(), samples_.end(), frame.sample) && ++orphans == 1) {
        problem("Frame " + shown(frame.id) + " belongs to no sample of the archive: " + shown(frame.sample));
      }
      if (i > 0 && frames_[i - 1].sample == frame.sample && frames_[i - 1].number == frame.number) {
        problem("Sample " + shown(frame.sample) + " has two frames " + std::to_string(frame.number));
      }
    }
    if (orphans > 1) problem(format_count(orphans) + " frames belong to no sample of the archive");
    if (count_ > kShown) out_.problems.push_back(format_count(static_cast<std::int64_t>(count_ - kShown)) + " more");
  }

  ArchiveReader& reader_;
  std::size_t jobs_;
  const Observer& observer_;
  Checked& out_;
  std::mutex mutex_;
  std::size_t count_ = 0;
  std::vector<Id> samples_;
  std::vector<Frame> frames_;
};

}  // namespace

Inspected inspect_archive(const std::string& path, const std::optional<std::string>& assume_version,
                          const Observer& observer) {
  const Glimpse opened(path, observer);
  ArchiveReader reader(opened.folder(), {assume_version});
  auto out = look(reader);
  observer.begin("Counting");
  out.samples = count(reader.samples(1).get(), observer);
  if (const auto frames = reader.frames(1)) {
    if (reader.legacy()) {
      // In a file for each video.
      DocumentChunk chunk;
      while (frames->next(chunk)) {
        std::string bson;
        frames->decode(chunk, 0, bson);
        for (std::size_t at = 0; at < bson.size(); ++out.frames) {
          std::uint32_t size = 0;
          std::memcpy(&size, bson.data() + at, sizeof size);
          at += size;
        }
      }
    } else {
      out.frames = count(frames.get(), observer);
    }
  }
  return out;
}

Checked verify_archive(const std::string& path, const std::optional<std::string>& assume_version, std::size_t jobs,
                       const Observer& observer) {
  const Glimpse opened(path, observer);
  ArchiveReader reader(opened.folder(), {assume_version});
  Checked out;
  out.archive = look(reader);
  Verifier(reader, jobs, observer, out).run();
  return out;
}

}  // namespace fm::archive
