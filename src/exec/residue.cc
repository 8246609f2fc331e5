#include "exec/residue.h"

#include <algorithm>

#include "base/error.h"
#include "bson/read.h"
#include "exec/prepare.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

// A server takes 180 levels, with those of the record.
constexpr std::size_t kDeepest = 178;

Document run_id_of(const std::string& run) { return {{"run", run}}; }

const Value& last() {
  static const Value kLast(bson::Raw(bson_value_t{BSON_TYPE_MAXKEY, 0, {}}));
  return kLast;
}

// Ids that begin with these elements and go on with `key`.
Document beginning_with(const Document& id, const std::string& key) {
  auto end = id;
  end.append(key, last());
  return Document{{"_id", Document{{"$gt", id}, {"$lte", std::move(end)}}}};
}

}  // namespace

std::map<std::string, std::string> samples_of_datasets(Mongo& mongo) {
  std::map<std::string, std::string> out;
  FindOptions options;
  options.projection = Document{{"sample_collection_name", 1}};
  mongo.find("datasets", {}, options, [&](bson::View view) {
    out.emplace(id_key(*view.get("_id")), view.get_string("sample_collection_name").value_or(""));
  });
  return out;
}

Document kept_by(const std::string& run) { return beginning_with(run_id_of(run), "service"); }

Document members_kept_by(const std::string& run, const std::string& collection) {
  if (collection.empty()) return beginning_with(run_id_of(run), "collection");
  return beginning_with(Document{{"run", run}, {"collection", collection}}, "document");
}

RunRecord Residue::begin(RunRecord run) {
  if (const auto found = this->run(run.run)) return *found;
  try {
    mongo_.create_indexes(kResidue, {Document{{"key", Document{{"document", 1}}}, {"name", "document"}},
                                     Document{{"key", Document{{"kind", 1}}}, {"name", "kind"}, {"sparse", true}}});
  } catch (const Error& error) {
    // Without the right to index, looking an image up takes a scan.
    if (error.code() != Exit::kRights) throw;
  }
  const auto earlier = runs();
  run.seq = earlier.empty() ? 1 : earlier.front().seq + 1;
  mongo_.insert(kResidue, {encoded(run)});
  return run;
}

std::optional<RunRecord> Residue::run(const std::string& run) {
  const auto found = mongo_.find_one(kResidue, Document{{"_id", run_id_of(run)}});
  return found ? std::optional(run_of(*found)) : std::nullopt;
}

std::vector<RunRecord> Residue::runs() {
  std::vector<RunRecord> out;
  mongo_.find(kResidue, Document{{"kind", Document{{"$exists", true}}}}, {},
              [&](bson::View view) { out.push_back(run_of(view.decode())); });
  std::sort(out.begin(), out.end(), [](const RunRecord& a, const RunRecord& b) { return a.seq > b.seq; });
  return out;
}

void Residue::check(const std::string& what, const bson::Bytes& document) {
  if (document.size() <= kLargest) return;
  throw Error(Exit::kPrecondition,
              what + " has " + std::to_string(document.size()) + " bytes, which leaves no room to keep it for undo",
              "Make it smaller, or go without: --undo-log off.");
}

void Residue::check_depth(const std::string& what, const bson::Bytes& document) {
  // A level has at least 7 bytes: type, empty name, length, end.
  if (document.size() <= 7 * kDeepest || bson::depth_of(bson::View(document)) <= kDeepest) return;
  throw Error(
      Exit::kPrecondition,
      what + " nests more than " + std::to_string(kDeepest) + " levels deep, which leaves no room to keep it for undo",
      "Make it flatter, or go without: --undo-log off.");
}

void Residue::keep(const std::vector<Image>& images, bool keep_first) {
  std::vector<bson::Bytes> records;
  for (const auto& image : images) {
    for (auto& record : records_of(image)) records.push_back(std::move(record));
  }
  if (records.empty()) return;
  const auto there = mongo_.insert(kResidue, records);
  if (keep_first) return;
  std::vector<Update> updates;
  for (const auto index : there) {
    updates.emplace_back(bson::encode(Document{{"_id", *bson::View(records[index]).get("_id")}}), records[index]);
  }
  mongo_.replace(kResidue, updates);
}

std::map<std::string, std::vector<Image>> Residue::open(const std::string& service, const std::string& collection,
                                                        const Array& documents) {
  std::map<std::string, std::vector<Image>> out;
  each(Document{{"document", Document{{"$in", documents}}}, {"service", service}, {"collection", collection}},
       [&](Image image) {
         if (!image.open.empty()) out[id_key(image.document)].push_back(std::move(image));
       });
  for (auto& [key, images] : out) {
    std::sort(images.begin(), images.end(), [](const Image& a, const Image& b) { return a.seq > b.seq; });
    std::set<std::string> newer;
    for (auto& image : images) {
      std::erase_if(image.open, [&](const std::string& revision) { return !newer.insert(revision).second; });
    }
    std::erase_if(images, [](const Image& image) { return image.open.empty(); });
  }
  std::erase_if(out, [](const auto& entry) { return entry.second.empty(); });
  return out;
}

std::map<std::string, std::vector<Image::Consumed>> Residue::still_open(const std::string& service,
                                                                        const std::string& collection,
                                                                        const Array& documents,
                                                                        const std::vector<std::string>& revisions,
                                                                        const std::string& run) {
  std::map<std::string, std::vector<Image::Consumed>> out;
  FindOptions options;
  options.projection = Document{{"run", 1}, {"document", 1}, {"open", 1}};
  const Document filter{{"document", Document{{"$in", documents}}},
                        {"service", service},
                        {"collection", collection},
                        {"open", Document{{"$in", Array::of(revisions)}}}};
  mongo_.find(kResidue, filter, options, [&](bson::View view) {
    const auto record = view.decode();
    Image::Consumed one{bson::text_at(record, "run"), bson::strings_at(record, "open")};
    if (one.run == run) return;
    std::erase_if(one.revisions, [&](const std::string& revision) {
      return std::find(revisions.begin(), revisions.end(), revision) == revisions.end();
    });
    out[id_key(*record.find("document"))].push_back(std::move(one));
  });
  return out;
}

void Residue::of_run(const std::string& run, const std::function<void(Image)>& visit) { each(kept_by(run), visit); }

std::map<std::string, Image> Residue::images(const std::string& run, const std::string& service,
                                             const std::string& collection, const Array& documents) {
  std::map<std::string, Image> out;
  each(
      Document{
          {"document", Document{{"$in", documents}}}, {"run", run}, {"service", service}, {"collection", collection}},
      [&](Image image) {
        auto key = id_key(image.document);
        out.emplace(std::move(key), std::move(image));
      });
  return out;
}

void Residue::each(const std::function<void(Image)>& visit) {
  each(Document{{"run", Document{{"$exists", true}}}}, visit);
}

void Residue::each(const Document& filter, const std::function<void(Image)>& visit) {
  ImageReader reader(visit);
  FindOptions options;
  options.sort = Document{{"_id", 1}};
  mongo_.find(kResidue, filter, options, [&](bson::View view) { reader.add(view.decode()); });
  reader.finish();
}

void Residue::settle(const std::vector<Image>& images) {
  std::vector<Update> updates;
  for (const auto& image : images) {
    const auto change = [&](const std::vector<Image::Consumed>& all, bool opens) {
      for (const auto& one : all) {
        Image other;
        other.run = one.run;
        other.service = image.service;
        other.collection = image.collection;
        other.document = image.document;
        Document update;
        if (opens) {
          update.append("$addToSet", Document{{"open", Document{{"$each", Array::of(one.revisions)}}}});
        } else {
          update.append("$pullAll", Document{{"open", Array::of(one.revisions)}});
        }
        updates.emplace_back(Document{{"_id", record_id(other, 0)}}, update);
      }
    };
    change(image.consumed, false);
    change(image.revived, true);
  }
  mongo_.update(kResidue, updates);
}

void Residue::supersede(const std::string& service, const std::string& collection, const Array& documents,
                        const std::vector<std::string>& revisions) {
  std::vector<Update> updates;
  const auto open = this->open(service, collection, documents);
  for (const auto& [key, images] : open) {
    for (const auto& image : images) {
      updates.emplace_back(Document{{"_id", record_id(image, 0)}},
                           Document{{"$pullAll", Document{{"open", Array::of(revisions)}}}});
    }
  }
  mongo_.update(kResidue, updates);
}

void Residue::undone(const std::string& run, const std::optional<std::string>& by) {
  Document change;
  if (by) {
    change.append("$set", Document{{"undone_by", *by}});
  } else {
    change.append("$unset", Document{{"undone_by", ""}});
  }
  mongo_.update(kResidue, {{Document{{"_id", run_id_of(run)}}, change}});
}

namespace {

std::int64_t drop_images(Mongo& mongo, const std::string& run, const Value& datasets) {
  auto written = kept_by(run);
  written.append("service", "datasets");
  written.append("document", datasets);
  return mongo.remove_where(kResidue, written);
}

}  // namespace

Array Residue::unwritten(const std::string& run) {
  auto kept = kept_by(run);
  kept.append("service", "datasets");
  kept.append("before", Document{{"$exists", true}});
  // A client that only looked at it changed nothing.
  Document but_loaded;
  for (const auto* key : {"before", "after", "now"}) but_loaded.append(key + std::string(".last_loaded_at"), 0);
  const Document now{{"$arrayElemAt", Array{"$now", 0}}};
  const Array same{Document{{"$eq", Array{"$before", now}}}, Document{{"$ne", Array{"$before", "$after"}}}};
  Array pipeline{
      Document{{"$match", std::move(kept)}},
      Document{{"$lookup",
                Document{{"from", "datasets"}, {"localField", "document"}, {"foreignField", "_id"}, {"as", "now"}}}},
      Document{{"$project", std::move(but_loaded)}},
      Document{{"$match", Document{{"$expr", Document{{"$and", same}}}}}},
      Document{{"$project", Document{{"document", 1}}}}};
  Array out;
  mongo_.aggregate(kResidue, pipeline, [&](bson::View view) { out.append(*view.get("document")); });
  return out;
}

bool Residue::moved_since(const std::string& run) {
  auto kept = kept_by(run);
  kept.append("service", "datasets");
  kept.append("to", Document{{"$exists", true}});
  Array pipeline{
      Document{{"$match", std::move(kept)}}, Document{{"$project", Document{{"document", 1}, {"to", 1}}}},
      Document{{"$lookup",
                Document{{"from", "datasets"}, {"localField", "document"}, {"foreignField", "_id"}, {"as", "now"}}}},
      Document{{"$project", Document{{"to", 1}, {"now.version", 1}}}}};
  bool moved = false;
  mongo_.aggregate(kResidue, pipeline, [&](bson::View view) {
    const auto record = view.decode();
    const auto* now = record.find("now")->as<Array>();
    if (!now || now->empty()) return;  // deleted
    const auto version = bson::text_at(*(*now)[0].as<Document>(), "version");
    // Without one: below 0.6.2, where no client moves it.
    moved |= !version.empty() && version != kParkedVersion && version != bson::text_at(record, "to");
  });
  return moved;
}

std::int64_t Residue::drop_unwritten(const std::string& run) {
  auto documents = unwritten(run);
  if (documents.empty()) return 0;
  return drop_images(mongo_, run, Document{{"$in", std::move(documents)}});
}

void Residue::drop(const std::string& run, const Value& dataset) { drop_images(mongo_, run, dataset); }

}  // namespace fm
