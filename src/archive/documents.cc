#include "archive/documents.h"

#include <algorithm>
#include <cstring>

#include "archive/json_reader.h"
#include "archive/paths.h"
#include "archive/pipeline.h"
#include "archive/raw_edit.h"
#include "base/error.h"
#include "ops/operation.h"

namespace fm::archive {

using bson::Document;
using bson::Value;

namespace {

constexpr std::size_t kLargestDocument = std::size_t{16} << 20;
// Of results that wait to be written.
constexpr std::size_t kAhead = std::size_t{24} << 20;

class TextDocuments final : public DocumentSource {
 public:
  TextDocuments(std::unique_ptr<TextSource> texts, std::int64_t total, std::size_t workers)
      : texts_(std::move(texts)), total_(total), readers_(workers) {}

  bool next(DocumentChunk& chunk) override {
    if (!texts_->next(chunk.text)) return false;
    chunk.bytes = chunk.text.bytes;
    return true;
  }

  void decode(DocumentChunk& chunk, std::size_t worker, std::string& out) override {
    auto& reader = readers_[worker];
    for (std::size_t i = 0; i < chunk.text.slices.size(); ++i) {
      try {
        reader.append(chunk.text.document(i), out);
      } catch (const JsonError& error) {
        throw Error(Exit::kMismatch, place(chunk.text, i, error.offset()) + ": " + error.what(),
                    "The archive is damaged, or was written by a program that does not know the format.");
      }
    }
  }

  std::string where(const DocumentChunk& chunk, std::size_t index, bson::View) const override {
    return place(chunk.text, index, 0);
  }

  std::int64_t total_bytes() const override { return total_; }

 private:
  static std::string place(const TextBatch& text, std::size_t i, std::size_t offset) {
    if (!text.files.empty()) return text.files[i] + ", byte " + std::to_string(offset);
    return text.file + ", document " + std::to_string(text.first + static_cast<std::int64_t>(i) + 1) + ", byte " +
           std::to_string(text.offset + static_cast<std::int64_t>(text.slices[i].begin + offset));
  }

  std::unique_ptr<TextSource> texts_;
  std::int64_t total_;
  std::vector<JsonReader> readers_;
};

void set_time(Document& document, const char* key, std::int64_t ms) { document.set(key, bson::Date{ms}); }

// As the server has it.
bool can_be_id(const Value& id) {
  if (const auto* document = id.as<Document>()) {
    return std::none_of(document->begin(), document->end(), [](const auto& one) { return one.key.starts_with('$'); });
  }
  return !id.as<bson::Array>() && std::string_view(id.type_name()) != "regex" &&
         std::string_view(id.type_name()) != "undefined";
}

std::uint32_t size_at(std::string_view bson, std::size_t at) {
  std::uint32_t size = 0;
  std::memcpy(&size, bson.data() + at, sizeof size);
  return size;
}

}  // namespace

std::unique_ptr<DocumentSource> text_documents(std::unique_ptr<TextSource> texts, std::int64_t total_bytes,
                                               std::size_t workers) {
  return std::make_unique<TextDocuments>(std::move(texts), total_bytes, workers);
}

void apply_edit(const MemberEdit& edit, Document& document, ops::Context& context) {
  if (edit.folder) {
    auto* filepath = edit.frames ? nullptr : document.find("filepath");
    if (auto* path = filepath ? filepath->as<std::string>() : nullptr; path && !path->empty() && !is_absolute(*path)) {
      *path = join_normal(*edit.folder, *path);
    }
    for (const auto& field : edit.media) {
      for_each_path(document, field, [&](std::string& path) {
        if (!path.empty() && !is_absolute(path)) path = join(*edit.folder, path);
      });
    }
  }
  if (!edit.tags.empty() && !edit.frames) {
    auto* tags = document.find("tags");
    if (!tags || !tags->as<bson::Array>()) {
      document.set("tags", bson::Array());
      tags = document.find("tags");
    }
    for (const auto& tag : edit.tags) tags->as<bson::Array>()->append(tag);
  }
  if (edit.now_ms) {
    set_time(document, "created_at", *edit.now_ms);
    set_time(document, "last_modified_at", *edit.now_ms);
  }
  if (edit.dataset_id) document.set("_dataset_id", *edit.dataset_id);
  for (const auto& work : edit.work) {
    context.revision = work.revision;
    ops::apply_to_member(*work.step, document, context);
  }
  if (edit.own) edit.own(document);
}

Moved move_documents(DocumentSource& source, const MemberEdit& edit, const DocumentSink& sink, std::size_t jobs,
                     std::int64_t skip, const std::function<void(std::int64_t)>& progress) {
  struct Done {
    std::string bytes;
    std::int64_t documents = 0;
    std::int64_t bson = 0;
    std::int64_t read = 0;
  };
  static const ops::IdGenerator none(0, "");
  std::vector<ops::Context> contexts;
  contexts.reserve(jobs);
  for (std::size_t i = 0; i < jobs; ++i) {
    contexts.emplace_back(edit.dataset_id.value_or(Value()), edit.work_now_ms, edit.ids ? *edit.ids : none,
                          ops::References::Fetch());
    contexts.back().record_displaced = false;
  }
  std::vector<std::string> decoded(jobs);
  std::vector<std::string> edited_of(jobs);
  const bool plain = edit.nothing();
  std::optional<RawEdit> raw;
  if (RawEdit::fits(edit)) raw.emplace(edit);
  std::int64_t number = 0;  // of the next document
  Moved moved;
  struct Numbered {
    DocumentChunk chunk;
    std::int64_t skip = 0;  // documents of it that are there already
  };
  std::int64_t left = skip;

  const auto take = [&](Numbered& in) {
    if (!source.next(in.chunk)) return false;
    const auto count = static_cast<std::int64_t>(in.chunk.text.slices.size());
    in.skip = 0;
    if (left > 0 && count > 0) {
      in.skip = std::min(left, count);
      left -= in.skip;
    }
    number += count;
    return true;
  };
  const auto edit_decoded = [&](const DocumentChunk& chunk, std::size_t index, bson::View view, ops::Context& context,
                                std::string& out) {
    auto document = view.decode();
    const auto* id = document.find("_id");
    if (!id && edit.ids) {
      const auto place = static_cast<std::size_t>(chunk.text.first) + index;
      document.insert(
          0, "_id",
          edit.ids->make("archive", edit.dataset_id.value_or(Value()), edit.frames ? "frame" : "sample", "", place));
    } else if (edit.needs_id_time && !id->as<bson::Oid>()) {
      throw Error(Exit::kPrecondition,
                  source.where(chunk, index, view) + ": its _id is of the type " + id->type_name() +
                      ", which holds no time, and v1.0.0 needs one",
                  "Give these documents ObjectIds.");
    }
    apply_edit(edit, document, context);
    const auto bytes = bson::encode(document);
    out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  const auto work = [&](Numbered& in, Done& out, std::size_t worker) {
    out.bytes.clear();
    out.documents = 0;
    out.bson = 0;
    out.read = in.chunk.bytes;
    auto& all = decoded[worker];
    all.clear();
    source.decode(in.chunk, worker, all);
    auto& context = contexts[worker];
    auto& edited = sink.encode ? edited_of[worker] : out.bytes;
    std::size_t index = 0;
    for (std::size_t at = 0; at < all.size(); ++index) {
      const auto size = size_at(all, at);
      const bson::View view(reinterpret_cast<const std::uint8_t*>(all.data()) + at, size);
      std::string_view bytes(all.data() + at, size);
      at += size;
      if (static_cast<std::int64_t>(index) < in.skip) continue;
      if (const auto id = view.get("_id"); id && !can_be_id(*id)) {
        throw Error(Exit::kMismatch,
                    source.where(in.chunk, index, view) + ": its _id is of the type " + id->type_name() +
                        ", which MongoDB does not take",
                    "Give this document an ObjectId.");
      }
      if (sink.encode) edited.clear();
      const auto start = edited.size();
      if (!plain) {
        if (!raw || !raw->apply(view, edited)) edit_decoded(in.chunk, index, view, context, edited);
        bytes = std::string_view(edited).substr(start);
      } else if (!sink.encode) {
        edited.append(bytes);
      }
      if (bytes.size() > kLargestDocument) {
        throw Error(Exit::kPrecondition,
                    source.where(in.chunk, index, view) + ": the document has " + std::to_string(bytes.size()) +
                        " bytes, and MongoDB takes " + std::to_string(kLargestDocument),
                    "Make it smaller in the program that wrote it.");
      }
      if (sink.encode) sink.encode(bytes, out.bytes);
      ++out.documents;
      out.bson += static_cast<std::int64_t>(bytes.size());
    }
  };
  const auto give = [&](Done& done) {
    if (done.documents > 0) sink.write(done.bytes, done.documents);
    moved.documents += done.documents;
    moved.bytes += done.bson;
    if (progress) progress(done.read);
  };
  // To a server it pays: it answers late, and reads itself.
  const std::size_t ahead = sink.encode ? 0 : kAhead;
  in_order<Numbered, Done>(jobs, take, work, give, {ahead, [](const Done& done) { return done.bytes.size(); }});
  return moved;
}

}  // namespace fm::archive
