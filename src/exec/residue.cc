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

// Others that do not fit beside the document go into records of their own.
// A server takes 180 levels, with those of the record.
constexpr std::size_t kDeepest = 178;
constexpr std::size_t kPartBytes = std::size_t{12} << 20;

Array list_of(const std::vector<std::string>& words) {
  Array out;
  for (const auto& word : words) out.append(word);
  return out;
}

std::vector<std::string> words_of(const Document& doc, std::string_view key) {
  std::vector<std::string> out;
  const auto* value = doc.find(key);
  const auto* list = value ? value->as<Array>() : nullptr;
  if (!list) return out;
  for (const auto& item : *list) {
    if (const auto* word = item.as<std::string>()) out.push_back(*word);
  }
  return out;
}

Array list_of(const std::vector<Image::Consumed>& all) {
  Array out;
  for (const auto& one : all) out.append(Document{{"run", one.run}, {"revisions", list_of(one.revisions)}});
  return out;
}

std::vector<Image::Consumed> consumed_of(const Document& record, std::string_view key) {
  std::vector<Image::Consumed> out;
  const auto* value = record.find(key);
  const auto* list = value ? value->as<Array>() : nullptr;
  if (!list) return out;
  for (const auto& item : *list) {
    if (const auto* one = item.as<Document>()) out.push_back({bson::text_at(*one, "run"), words_of(*one, "revisions")});
  }
  return out;
}

Document record_id(const Image& image, std::int32_t part) {
  return {{"run", image.run},
          {"service", image.service},
          {"collection", image.collection},
          {"document", image.document},
          {"part", part}};
}

// One record, or several where the others need the room. What is encoded already
// goes in as it is.
std::vector<bson::Bytes> records_of(const Image& image) {
  std::vector<Document> out;
  std::size_t bytes = 0;
  Array others;
  const auto start = [&] {
    const auto part = static_cast<std::int32_t>(out.size());
    out.push_back({{"_id", record_id(image, part)},
                   {"run", image.run},
                   {"seq", image.seq},
                   {"service", image.service},
                   {"collection", image.collection},
                   {"document", image.document}});
    if (part > 0) return;
    auto& first = out.back();
    first.append("name", image.name);
    first.append("direction", image.direction == Direction::kUp ? "up" : "down");
    first.append("from", image.from);
    first.append("to", image.to);
    if (!image.open.empty()) first.append("open", list_of(image.open));
    if (image.before) {
      first.append("before", *image.before);
      bytes += bson::encoded_size(*image.before);
    }
    bytes += image.stored.size();
    if (!image.consumed.empty()) first.append("consumed", list_of(image.consumed));
    if (!image.revived.empty()) first.append("revived", list_of(image.revived));
    if (!image.files.empty()) first.append("files", image.files);
    if (!image.members.empty()) {
      first.append("members", list_of(std::vector<std::string>(image.members.begin(), image.members.end())));
    }
  };
  const auto flush = [&](const char* key) {
    if (!others.empty()) out.back().append(key, std::move(others));
    others = {};
  };
  const auto add = [&](const char* key, const std::vector<OtherDocument>& documents) {
    for (const auto& other : documents) {
      const auto size = bson::encoded_size(other.document);
      if (bytes + size > kPartBytes) {
        flush(key);
        start();
        bytes = 0;
      }
      bytes += size;
      others.append(Document{{"collection", other.collection}, {"document", other.document}});
    }
    flush(key);
  };
  start();
  add("others", image.others);
  std::size_t part_of_after = 0;
  if (image.after || image.stored_after.size() > 0) {
    const auto size = image.after ? bson::encoded_size(*image.after) : image.stored_after.size();
    if (bytes + size > kPartBytes) {
      start();
      bytes = 0;
    }
    bytes += size;
    part_of_after = out.size() - 1;
    if (image.after) out.back().append("after", *image.after);
    add("after_others", image.after_others);
  }
  std::vector<bson::Bytes> encoded;
  encoded.reserve(out.size());
  for (const auto& record : out) {
    bson::CDoc whole(record);
    if (encoded.empty() && image.stored.size() > 0) whole.append("before", image.stored);
    if (encoded.size() == part_of_after && image.stored_after.size() > 0) whole.append("after", image.stored_after);
    encoded.emplace_back(whole.get());
  }
  return encoded;
}

// Adds one record to what others of its image gave.
void read_into(Image& image, const Document& record) {
  const auto document_at = [&](const char* key) {
    const auto* value = record.find(key);
    const auto* doc = value ? value->as<Document>() : nullptr;
    return doc ? std::optional<Document>(*doc) : std::nullopt;
  };
  const auto others = [&](const char* key, std::vector<OtherDocument>& out) {
    const auto* value = record.find(key);
    const auto* list = value ? value->as<Array>() : nullptr;
    if (!list) return;
    for (const auto& item : *list) {
      const auto* one = item.as<Document>();
      const auto* doc = one ? one->find("document") : nullptr;
      if (doc && doc->as<Document>()) out.push_back({bson::text_at(*one, "collection"), *doc->as<Document>()});
    }
  };
  image.run = bson::text_at(record, "run");
  image.seq = bson::integer_at(record, "seq");
  image.service = bson::text_at(record, "service");
  image.collection = bson::text_at(record, "collection");
  if (const auto* id = record.find("document")) image.document = *id;
  if (record.has("direction")) {
    image.name = bson::text_at(record, "name");
    image.direction = bson::text_at(record, "direction") == "up" ? Direction::kUp : Direction::kDown;
    image.from = bson::text_at(record, "from");
    image.to = bson::text_at(record, "to");
    image.open = words_of(record, "open");
    image.before = document_at("before");
    image.consumed = consumed_of(record, "consumed");
    image.revived = consumed_of(record, "revived");
    if (const auto* files = record.find("files"); files && files->as<Array>()) image.files = *files->as<Array>();
    for (auto& name : words_of(record, "members")) image.members.insert(std::move(name));
  }
  others("others", image.others);
  if (auto after = document_at("after")) image.after = std::move(after);
  others("after_others", image.after_others);
}

// Puts records together; those of one image come one after another.
class Assembler {
 public:
  explicit Assembler(const std::function<void(Image)>& visit) : visit_(visit) {}
  void add(const Document& record) {
    const auto* id = record.find("document");
    if (!record.has("run") || !id) return;  // the record of a run
    const auto key = bson::text_at(record, "run") + "/" + bson::text_at(record, "service") + "/" +
                     bson::text_at(record, "collection") + "/" + id_key(*id);
    if (key != key_) finish();
    key_ = key;
    if (!image_) image_.emplace();
    read_into(*image_, record);
  }
  void finish() {
    if (image_) visit_(std::move(*image_));
    image_.reset();
  }

 private:
  const std::function<void(Image)>& visit_;
  std::string key_;
  std::optional<Image> image_;
};

RunRecord run_of(const Document& record) {
  const auto text = [&](const char* key) {
    auto found = bson::text_at(record, key);
    return found.empty() ? std::nullopt : std::optional<std::string>(std::move(found));
  };
  RunRecord out;
  out.run = bson::text_at(record, "_id.run");
  out.seq = bson::integer_at(record, "seq");
  out.now_ms = bson::date_at(record, "now").value_or(0);
  if (const auto* seed = record.find("seed"); seed && seed->as<bson::Binary>()) {
    out.seed = seed->as<bson::Binary>()->data;
  }
  out.target = bson::text_at(record, "target");
  if (const auto* config = record.find("config"); config && config->as<Document>()) {
    out.config = *config->as<Document>();
  }
  out.database = bson::text_at(record, "database");
  out.undoes = text("undoes");
  out.undone_by = text("undone_by");
  out.brought_back = words_of(record, "brought_back");
  out.repair = bson::text_at(record, "kind") == "repair";
  if (const auto* services = record.find("services"); services && services->as<Document>()) {
    out.services = {words_of(*services->as<Document>(), "up"), words_of(*services->as<Document>(), "down"),
                    bson::text_at(record, "services.main_database"), bson::text_at(record, "services.cas_database"),
                    bson::text_at(record, "services.cas_identity")};
  }
  if (const auto* version = record.find("version"); version && version->as<Document>()) {
    out.version = *version->as<Document>();
  }
  out.from = bson::text_at(record, "from");
  out.to = bson::text_at(record, "to");
  if (const auto* list = record.find("dropped"); list && list->as<Array>()) out.dropped = *list->as<Array>();
  if (const auto* list = record.find("made"); list && list->as<Array>()) out.made = *list->as<Array>();
  return out;
}

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

std::string part_of_run(const std::string& run, const std::string& service) { return run + "." + service; }

std::string run_of_part(const std::string& part) { return part.substr(0, part.find('.')); }

bool is_part(const std::string& run) { return run.find('.') != std::string::npos; }

bool Image::is_of(std::string_view samples) const {
  return !before || bson::text_at(*before, "sample_collection_name") == samples;
}

std::map<std::string, std::string> samples_of_datasets(Mongo& mongo) {
  std::map<std::string, std::string> out;
  FindOptions options;
  options.projection = Document{{"sample_collection_name", 1}};
  mongo.find("datasets", {}, options, [&](bson::View view) {
    out.emplace(id_key(*view.get("_id")), view.get_string("sample_collection_name").value_or(""));
  });
  return out;
}

RunRecord record_of(std::string run, std::int64_t now_ms, std::string seed, std::string target) {
  RunRecord out;
  out.run = std::move(run);
  out.now_ms = now_ms;
  out.seed = std::move(seed);
  out.target = std::move(target);
  return out;
}

std::vector<Image> read_images(const std::vector<Document>& records) {
  std::vector<Image> out;
  const std::function<void(Image)> visit = [&](Image image) { out.push_back(std::move(image)); };
  Assembler assembler(visit);
  for (const auto& record : records) assembler.add(record);
  assembler.finish();
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
  Document record{{"_id", run_id_of(run.run)},     {"kind", run.repair ? "repair" : "run"}, {"seq", run.seq},
                  {"now", bson::Date{run.now_ms}}, {"seed", bson::Binary{0, run.seed}},     {"target", run.target}};
  if (run.config) {
    record.append("config", *run.config);
    record.append("database", run.database);
  }
  if (run.undoes) record.append("undoes", *run.undoes);
  if (!run.brought_back.empty()) record.append("brought_back", list_of(run.brought_back));
  if (!run.services.empty()) {
    Document services{{"up", list_of(run.services.up)}, {"down", list_of(run.services.down)}};
    if (!run.services.cas_database.empty()) {
      services.append("main_database", run.services.main_database);
      services.append("cas_database", run.services.cas_database);
      services.append("cas_identity", run.services.cas_identity);
    }
    record.append("services", std::move(services));
  }
  if (run.version) {
    record.append("version", *run.version);
    record.append("from", run.from);
    record.append("to", run.to);
  }
  if (!run.dropped.empty()) record.append("dropped", run.dropped);
  if (!run.made.empty()) record.append("made", run.made);
  mongo_.insert(kResidue, {record});
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
  const std::function<void(Image)> visit = [&](Image image) {
    if (!image.open.empty()) out[id_key(image.document)].push_back(std::move(image));
  };
  Assembler assembler(visit);
  FindOptions options;
  options.sort = Document{{"_id", 1}};
  mongo_.find(kResidue,
              Document{{"document", Document{{"$in", documents}}}, {"service", service}, {"collection", collection}},
              options, [&](bson::View view) { assembler.add(view.decode()); });
  assembler.finish();
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
                        {"open", Document{{"$in", list_of(revisions)}}}};
  mongo_.find(kResidue, filter, options, [&](bson::View view) {
    const auto record = view.decode();
    Image::Consumed one{bson::text_at(record, "run"), words_of(record, "open")};
    if (one.run == run) return;
    std::erase_if(one.revisions, [&](const std::string& revision) {
      return std::find(revisions.begin(), revisions.end(), revision) == revisions.end();
    });
    out[id_key(*record.find("document"))].push_back(std::move(one));
  });
  return out;
}

void Residue::of_run(const std::string& run, const std::function<void(Image)>& visit) {
  Assembler assembler(visit);
  FindOptions options;
  options.sort = Document{{"_id", 1}};
  mongo_.find(kResidue, kept_by(run), options, [&](bson::View view) { assembler.add(view.decode()); });
  assembler.finish();
}

std::map<std::string, Image> Residue::images(const std::string& run, const std::string& service,
                                             const std::string& collection, const Array& documents) {
  std::map<std::string, Image> out;
  const std::function<void(Image)> visit = [&](Image image) {
    const auto key = id_key(image.document);
    out.emplace(key, std::move(image));
  };
  Assembler assembler(visit);
  FindOptions options;
  options.sort = Document{{"_id", 1}};
  mongo_.find(
      kResidue,
      Document{
          {"document", Document{{"$in", documents}}}, {"run", run}, {"service", service}, {"collection", collection}},
      options, [&](bson::View view) { assembler.add(view.decode()); });
  assembler.finish();
  return out;
}

void Residue::each(const std::function<void(Image)>& visit) {
  Assembler assembler(visit);
  FindOptions options;
  options.sort = Document{{"_id", 1}};
  mongo_.find(kResidue, Document{{"run", Document{{"$exists", true}}}}, options,
              [&](bson::View view) { assembler.add(view.decode()); });
  assembler.finish();
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
          update.append("$addToSet", Document{{"open", Document{{"$each", list_of(one.revisions)}}}});
        } else {
          update.append("$pullAll", Document{{"open", list_of(one.revisions)}});
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
                           Document{{"$pullAll", Document{{"open", list_of(revisions)}}}});
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
