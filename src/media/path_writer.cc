#include "media/path_writer.h"

#include <chrono>
#include <map>

#include "media/leaves.h"
#include "ops/server_form.h"

namespace fm::media {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

using Pairs = std::map<std::string, std::string>;

bson::Date now() {
  return {std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
              .count()};
}

Array texts(const Document& document, const std::string& path) {
  Array out;
  for (auto& text : texts_at(document, path)) out.append(std::move(text));
  return out;
}

// Old texts become new ones, wherever they stand; what was changed meanwhile is
// none of them.
Value exchanged(const Value& text, const Pairs& pairs) {
  Array branches;
  for (const auto& [from, to] : pairs) {
    branches.append(Document{{"case", Document{{"$eq", Array{text, ops::literal(from)}}}}, {"then", ops::literal(to)}});
  }
  return Document{{"$switch", Document{{"branches", std::move(branches)}, {"default", text}}}};
}

}  // namespace

PathWriter::PathWriter(Mongo& mongo, const Run& run, std::string collection, bool frames)
    : mongo_(mongo),
      collection_(std::move(collection)),
      records_(run.records(frames)),
      fields_(run.fields_of(frames)) {}

void PathWriter::add(const Document& document, const std::vector<MediaField>& fields, const NewPath& new_path) {
  auto after = document;
  const auto& id = *document.find("_id");
  Document filter{{"_id", id}};
  Document plain;
  Document pipeline;
  bool nested = false;
  std::size_t changes = 0;
  for (const auto& field : fields) {
    Pairs pairs;
    changes += change_texts(after, field.path, [&](const std::string& text, std::size_t) {
      auto path = new_path(text);
      if (path) pairs.emplace(text, *path);
      return path;
    });
    if (pairs.empty()) continue;
    const auto* value = document.find(field.path);
    if (value && value->as<std::string>()) {
      filter.append(field.path, *value);
      plain.append(field.path, pairs.begin()->second);
    } else {
      nested = true;
    }
    const auto set = with_texts(field.path, [&](const Value& text) { return exchanged(text, pairs); });
    pipeline.append(std::to_string(pipeline.size()), Document{{"$set", Document{{top_of(field.path), set}}}});
  }
  if (changes == 0) return;
  const auto* modified = document.find("last_modified_at");
  if (modified && modified->as<bson::Date>()) {
    plain.append("last_modified_at", now());
    pipeline.append(std::to_string(pipeline.size()), Document{{"$set", Document{{"last_modified_at", now()}}}});
  }
  Array before;
  Array afterwards;
  for (const auto& field : fields_) {
    before.append(texts(document, field.path));
    afterwards.append(texts(after, field.path));
  }
  pending_records_.push_back(Document{{"_id", id}, {"o", std::move(before)}, {"n", std::move(afterwards)}});
  if (nested) {
    pending_.emplace_back(Document{{"_id", id}}, pipeline);
  } else {
    pending_.emplace_back(filter, Document{{"$set", std::move(plain)}});
  }
}

void PathWriter::flush() {
  if (pending_.empty()) return;
  // A record that is there is of an attempt that ended before its update, or
  // that left a field out: what was before stays what it was.
  std::vector<Update> known;
  for (const auto index : mongo_.insert(records_, pending_records_)) {
    const auto& record = pending_records_[index];
    known.emplace_back(Document{{"_id", *record.find("_id")}}, Document{{"$set", Document{{"n", *record.find("n")}}}});
  }
  if (!known.empty()) mongo_.update(records_, known);
  const auto matched = mongo_.update(collection_, pending_);
  written_ += matched;
  changed_ += static_cast<std::int64_t>(pending_.size()) - matched;
  pending_.clear();
  pending_records_.clear();
}

}  // namespace fm::media
