#include "media/undo.h"

#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "bson/json.h"
#include "media/leaves.h"

namespace fm::media {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr std::size_t kBatch = 500;
constexpr std::size_t kExamples = 20;

void flatten(const Value& value, std::vector<std::string>& out) {
  if (const auto* text = value.as<std::string>()) {
    out.push_back(*text);
  } else if (const auto* list = value.as<Array>()) {
    for (std::size_t i = 0; i < list->size(); ++i) flatten((*list)[i], out);
  }
}

std::vector<std::string> texts_of(const Document& record, const char* key, std::size_t field) {
  std::vector<std::string> out;
  const auto* all = record.find(key);
  const auto* list = all ? all->as<Array>() : nullptr;
  if (list && field < list->size()) flatten((*list)[field], out);
  return out;
}

std::string key_of(const Value& id) { return bson::to_canonical_json(Document{{"_id", id}}); }

class Collection {
 public:
  Collection(Mongo& mongo, std::string collection, const Run& run, bool frames, UndoReport& report)
      : mongo_(mongo),
        collection_(std::move(collection)),
        records_(run.records(frames)),
        fields_(run.fields_of(frames)),
        report_(report) {}

  void pass(bool write, const PassProgress& progress) {
    const auto total = mongo_.estimated_count(records_);
    std::int64_t done = 0;
    std::vector<Document> batch;
    const auto flush = [&] {
      if (batch.empty()) return;
      look_at(batch, write);
      done += static_cast<std::int64_t>(batch.size());
      progress(collection_, done, total);
      batch.clear();
    };
    mongo_.find(records_, {}, {}, [&](const bson::View& view) {
      batch.push_back(view.decode());
      if (batch.size() == kBatch) flush();
    });
    flush();
  }

 private:
  void look_at(const std::vector<Document>& records, bool write) {
    auto present = read(records);
    std::vector<Update> updates;
    for (const auto& record : records) {
      const auto found = present.find(key_of(*record.find("_id")));
      if (found == present.end()) {
        ++report_.gone;
      } else if (auto update = restored(record, found->second)) {
        updates.push_back(std::move(*update));
      }
    }
    if (!write || updates.empty()) return;
    const auto matched = mongo_.update(collection_, updates);
    report_.restored += matched;
    // Changed between reading and writing.
    report_.changed += static_cast<std::int64_t>(updates.size()) - matched;
  }

  std::map<std::string, Document> read(const std::vector<Document>& records) {
    Array ids;
    for (const auto& record : records) ids.append(*record.find("_id"));
    Document projection{{"_id", 1}, {"last_modified_at", 1}};
    for (const auto& field : fields_) projection.set(top_of(field.path), 1);
    FindOptions options;
    options.projection = projection;
    std::map<std::string, Document> out;
    mongo_.find(collection_, Document{{"_id", Document{{"$in", std::move(ids)}}}}, options,
                [&](const bson::View& view) {
                  auto document = view.decode();
                  auto key = key_of(*document.find("_id"));
                  out.emplace(std::move(key), std::move(document));
                });
    return out;
  }

  // Nothing when there is nothing to write, or when a path has changed.
  std::optional<Update> restored(const Document& record, const Document& before) {
    auto after = before;
    std::size_t changes = 0;
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      const auto old = texts_of(record, "o", i);
      const auto now = texts_of(record, "n", i);
      bool strange = texts_at(before, fields_[i].path).size() != old.size() || now.size() != old.size();
      if (!strange) {
        changes += change_texts(after, fields_[i].path, [&](const std::string& text, std::size_t n) {
          strange = strange || (text != old[n] && text != now[n]);
          return std::optional<std::string>(old[n]);
        });
      }
      if (!strange) continue;
      ++report_.changed;
      if (report_.changed_examples.size() < kExamples) {
        report_.changed_examples.push_back(collection_ + " " +
                                           bson::to_relaxed_json(Document{{"_id", *before.find("_id")}}));
      }
      return std::nullopt;
    }
    if (changes == 0) return std::nullopt;
    Document set;
    Array guard;
    std::set<std::string> tops;
    for (const auto& field : fields_) {
      const auto top = top_of(field.path);
      const auto* value = before.find(top);
      if (!value || !tops.insert(top).second) continue;
      guard.append(Document{{"$eq", Array{"$" + top, Document{{"$literal", *value}}}}});
      set.append(top, *after.find(top));
    }
    Document update{{"$set", std::move(set)}};
    const auto* modified = before.find("last_modified_at");
    if (modified && modified->as<bson::Date>()) update.append("$currentDate", Document{{"last_modified_at", true}});
    return Update(Document{{"_id", *before.find("_id")}, {"$expr", Document{{"$and", std::move(guard)}}}}, update);
  }

  Mongo& mongo_;
  std::string collection_;
  std::string records_;
  std::vector<MediaField> fields_;
  UndoReport& report_;
};

}  // namespace

UndoReport undo_run(Mongo& mongo, const Run& run, bool skip_changed, const RunOrigin& origin,
                    const PassProgress& progress) {
  if (run.state == "undone") {
    throw Error(Exit::kPrecondition, "Run " + run.id + " has been taken back already");
  }
  const auto document = mongo.find_one("datasets", Document{{"_id", run.dataset}});
  if (!document) {
    throw Error(Exit::kNotFound, "Dataset '" + run.name + "' of run " + run.id + " is no longer there");
  }
  const auto dataset = open_dataset(mongo, describe_dataset(*document).name);
  const auto pass = [&](bool write) {
    UndoReport report;
    for (const bool frames : {false, true}) {
      if (run.fields_of(frames).empty()) continue;
      Collection(mongo, frames ? dataset.frames : dataset.samples, run, frames, report).pass(write, progress);
    }
    return report;
  };
  if (!skip_changed) {
    const auto found = pass(false);
    if (found.changed > 0) {
      std::string names;
      for (const auto& name : found.changed_examples) names += "\n  " + name;
      throw Error(
          Exit::kPrecondition,
          "The paths of " + std::to_string(found.changed) + " documents have changed since run " + run.id + ":" + names,
          "Nothing was written. --skip-changed takes the others back.");
    }
  }
  Runs runs(mongo, origin);
  const auto begun = runs.begin_undo(run);
  try {
    auto report = pass(true);
    runs.undone(begun, report.restored, report.changed == 0);
    return report;
  } catch (const Error& error) {
    runs.undo_broken_off(begun, error);
    throw;
  }
}

}  // namespace fm::media
