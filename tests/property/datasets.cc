#include "property/datasets.h"

#include <algorithm>

#include "ops/naming.h"
#include "unit/choice.h"
#include "unit/json.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr std::int64_t kNow = 1'700'000'000'123;
const bson::Oid kId = *bson::Oid::from_hex("0123456789abcdef01234567");

bson::Oid oid(int kind, int n) {
  bson::Oid id;
  id.bytes[0] = 0x60;
  id.bytes[10] = static_cast<std::uint8_t>(kind);
  id.bytes[11] = static_cast<std::uint8_t>(n);
  return id;
}

// Decides what is there.
class Chooser {
 public:
  explicit Chooser(Content content) : full_(content == Content::kFull) {}
  bool there(int percent = 60) const { return full_ || chance(percent); }
  // Something that a full dataset does not have.
  bool odd(int percent) const { return !full_ && chance(percent); }
  int count(int most) const { return full_ ? most : below(most + 1); }
  template <class T>
  T one(std::initializer_list<T> options) const {
    return full_ ? *options.begin() : pick(options);
  }

 private:
  bool full_;
};

Value date(int days) { return bson::Date{1'600'000'000'000 + days * std::int64_t{86'400'000}}; }
std::string field_class(const std::string& name) { return "fiftyone.core.fields." + name; }
std::string label_class(const std::string& name) { return "fiftyone.core.labels." + name; }

// ---- Field documents.

Document modern_field(const Chooser& choose, const std::string& name, const std::string& ftype,
                      const Value& embedded = bson::Null{}, Array fields = {}, bool read_only = false) {
  return {{"name", name},
          {"ftype", field_class(ftype)},
          {"embedded_doc_type", embedded},
          {"subfield", ftype == "ListField" ? Value(field_class("StringField")) : Value()},
          {"fields", std::move(fields)},
          {"db_field", name == "id"          ? "_id"
                       : name == "sample_id" ? "_sample_id"
                                             : name},
          {"description", choose.there(30) ? Value("about " + name) : Value()},
          {"info", choose.there(30) ? Value(Document{{"k", 1}}) : Value()},
          {"read_only", read_only},
          {"created_at", date(3)}};
}

Array modern_nested(const Chooser& choose, const std::string& label) {
  Array out;
  for (const char* name : {"id", "tags", "label", "points", "confidence", "index", "a dynamic attribute"}) {
    if (!choose.there(80)) continue;
    auto field = modern_field(choose, name,
                              name == std::string("id")     ? "ObjectIdField"
                              : name == std::string("tags") ? "ListField"
                                                            : "StringField");
    Document nested{{"_cls", "SampleFieldDocument"}};
    for (const auto& [key, value] : field) nested.append(key, value);
    out.append(nested);
  }
  if (label == "Polylines") {
    Document list{{"_cls", "SampleFieldDocument"}, {"name", "polylines"}};
    const auto field = modern_field(choose, "polylines", "ListField", label_class("Polyline"), out);
    for (const auto& [key, value] : field) list.set(key, value);
    return Array{list};
  }
  return out;
}

Array modern_fields(const Chooser& choose, bool frames, bool group) {
  Array out;
  const auto add = [&](Document field) { out.append(std::move(field)); };
  add(modern_field(choose, "id", "ObjectIdField", bson::Null{}, {}, true));
  if (frames) {
    add(modern_field(choose, "frame_number", "FrameNumberField"));
    add(modern_field(choose, "_sample_id", "ObjectIdField"));
  } else {
    add(modern_field(choose, "filepath", "StringField"));
    add(modern_field(choose, "tags", "ListField"));
    add(modern_field(choose, "metadata", "EmbeddedDocumentField", "fiftyone.core.metadata.ImageMetadata",
                     modern_nested(choose, "Metadata")));
    add(modern_field(choose, "_media_type", "StringField"));
  }
  if (group) add(modern_field(choose, "group", "EmbeddedDocumentField", "fiftyone.core.groups.Group"));
  add(modern_field(choose, "created_at", "DateTimeField", bson::Null{}, {}, true));
  add(modern_field(choose, "last_modified_at", "DateTimeField", bson::Null{}, {}, true));
  add(modern_field(choose, "_dataset_id", "ObjectIdField"));
  if (choose.there(30)) add(modern_field(choose, "sample_id", "ObjectIdField"));
  for (const char* label : {"Polyline", "Polylines", "Detection", "Classification"}) {
    if (choose.there(50))
      add(modern_field(choose, std::string("my ") + label, "EmbeddedDocumentField", label_class(label),
                       modern_nested(choose, label)));
  }
  if (choose.odd(20)) add(modern_field(choose, "custom", "EmbeddedDocumentField", "my.module.Type"));
  return out;
}

// ---- Labels.

Array shape(int points) {
  Array out;
  for (int i = 0; i < points; ++i) out.append(Array{0.25 * i, 0.5});
  return out;
}

Document polyline(const Chooser& choose, bool wrapped, bool several) {
  Value points = shape(choose.count(3));
  if (wrapped) {
    Array shapes;
    shapes.append(points);
    if (several && choose.there(20)) shapes.append(shape(2));
    if (choose.odd(10)) shapes = Array();
    points = shapes;
  }
  return {{"_id", oid(9, below(100))}, {"_cls", "Polyline"}, {"tags", Array()}, {"label", "x"},
          {"points", points},          {"closed", true}};
}

void add_labels(const Chooser& choose, Document& doc, bool wrapped, bool several) {
  if (choose.there()) doc.append("my Polyline", chance(10) ? Value() : Value(polyline(choose, wrapped, several)));
  if (choose.there()) {
    Array list;
    for (int i = choose.count(3); i > 0; --i) list.append(polyline(choose, wrapped, several));
    doc.append("my Polylines", Document{{"_cls", "Polylines"}, {"polylines", list}});
  }
  if (choose.there())
    doc.append("my Detection",
               Document{{"_cls", "Detection"}, {"label", "cat"}, {"bounding_box", Array{0.1, 0.1, 0.2, 0.2}}});
}

// ---- Runs.

Document run_config(const Chooser& choose, const std::string& kind, bool modern) {
  if (kind == "brain_methods" && choose.there(70)) {
    Document config{{"cls", modern ? "fiftyone.brain.internal.core.sklearn.SklearnSimilarityConfig"
                                   : "fiftyone.brain.similarity.SimilarityConfig"},
                    {"method", modern ? "sklearn" : "similarity"},
                    {"embeddings_field", bson::Null{}}};
    return config;
  }
  return {{"method", "simple"}, {"cls", "fiftyone.utils.eval.classification.SimpleEvaluationConfig"}};
}

// An inline run of that age, without the keys of later revisions.
Document inline_run(const Chooser& choose, const std::string& kind, const std::string& key) {
  return {
      {"key", key}, {"timestamp", date(5)}, {"config", run_config(choose, kind, false)}, {"view_stages", Array{"{}"}}};
}

Document modern_runs(const Chooser& choose, FakeDatabase& db, const std::string& kind, int serial) {
  Document out;
  for (int i = choose.count(2); i > 0; --i) {
    const auto key = "run " + std::to_string(i);
    const auto id = oid(serial, i);
    auto config = run_config(choose, kind, true);
    if (kind == "evaluations") {
      config.append("pred_field", "predictions");
      config.append("gt_field", "ground_truth");
    }
    db.collections["runs"].push_back({{"_id", id},
                                      {"key", key},
                                      {"version", "1.22.1"},
                                      {"timestamp", date(6)},
                                      {"config", std::move(config)},
                                      {"view_stages", Array{"{}"}},
                                      {"results", choose.there(50) ? Value(oid(20 + serial, i)) : Value()},
                                      {"_dataset_id", kId}});
    out.append(key, id);
  }
  return out;
}

Value modern_app_config(const Chooser& choose) {
  Document out;
  if (choose.there()) {
    Array fields;
    for (int i = choose.count(2); i > 0; --i) {
      fields.append(choose.odd(20) ? Value()
                                   : Value(Document{{"path", "ground_truth"},
                                                    {"maskTargetsColors",
                                                     choose.there(50) ? Array{Document{{"intTarget", 1}}} : Array()}}));
    }
    out.append("color_scheme", choose.odd(30)
                                   ? Value()
                                   : Value(Document{{"_id", oid(30, 1)},
                                                    {"color_pool", Array{"#ff0000"}},
                                                    {"color_by", choose.one<std::string>({"value", "field"})},
                                                    {"fields", fields},
                                                    {"multicolor_keypoints", choose.there(50)},
                                                    {"opacity", 0.7},
                                                    {"show_skeletons", true},
                                                    {"label_tags", bson::Null{}}}));
  }
  out.append("media_fields", choose.there(40) ? Array{"filepath", "thumbnail"} : Array{"filepath"});
  out.append("grid_media_field", "filepath");
  out.append("modal_media_field", "filepath");
  if (choose.there(70)) {
    Array groups;
    if (choose.there(80))
      groups.append(Document{{"name", "tags"},
                             {"paths", choose.there(40) ? Array{"tags"} : Array{"tags", "_label_tags"}},
                             {"expanded", true}});
    if (choose.there(60))
      groups.append(Document{{"name", "labels"}, {"paths", Array{"ground_truth"}}, {"expanded", bson::Null{}}});
    out.append("sidebar_groups", choose.odd(20) ? Value() : Value(groups));
  }
  out.append("plugins", choose.there(30) ? Document{{"map", Document{{"clustering", true}}}} : Document());
  return out;
}

void modern_samples(const Chooser& choose, FakeDatabase& db, const std::string& samples, const std::string& frames,
                    bool several) {
  for (int s = 1; s <= std::max(1, choose.count(3)); ++s) {
    Document sample{
        {"_id", oid(1, s)}, {"filepath", "/a/" + std::to_string(s)}, {"tags", Array()}, {"metadata", bson::Null{}}};
    sample.append("_media_type", frames.empty() ? "image" : "video");
    sample.append("_rand", 0.5);
    sample.append("created_at", date(1));
    sample.append("last_modified_at", date(2));
    sample.append("_dataset_id", kId);
    add_labels(choose, sample, true, several);
    db.collections[samples].push_back(std::move(sample));
    if (frames.empty()) continue;
    for (int f = choose.count(3); f > 0; --f) {
      Document frame{{"_id", oid(2, 10 * s + f)}, {"frame_number", f},           {"_sample_id", oid(1, s)},
                     {"created_at", date(1)},     {"last_modified_at", date(2)}, {"_dataset_id", kId}};
      add_labels(choose, frame, true, several);
      db.collections[frames].push_back(std::move(frame));
    }
  }
}

}  // namespace

Document* FakeDatabase::find(const std::string& collection, const Value& id) {
  for (auto& doc : collections[collection]) {
    if (*doc.find("_id") == id) return &doc;
  }
  return nullptr;
}

std::string FakeDatabase::text() const {
  std::string out = "dataset: " + bson::shown(dataset) + "\n";
  for (const auto& [name, docs] : collections) {
    for (const auto& doc : docs) out += name + ": " + bson::shown(doc) + "\n";
  }
  return out;
}

FakeDatabase modern_dataset(Content content, const std::string& media_type) {
  const Chooser choose(content);
  FakeDatabase db;
  const bool video = media_type == "video";
  const bool group = media_type == "group";
  const std::string samples = "samples." + kId.hex();
  const std::string frames = video ? "frames." + samples : "";
  auto& doc = db.dataset;
  const auto maybe = [&](const char* key, Value full, Value otherwise) {
    doc.append(key, choose.there() ? std::move(full) : std::move(otherwise));
  };
  doc = {{"_id", kId},
         {"name", "My data"},
         {"slug", "my-data"},
         {"version", "1.22.1"},
         {"created_at", date(0)},
         {"last_modified_at", date(1)},
         {"last_deletion_at", bson::Null{}}};
  maybe("last_loaded_at", date(2), bson::Null{});
  doc.append("sample_collection_name", samples);
  if (video) doc.append("frame_collection_name", frames);
  doc.append("persistent", true);
  doc.append("_media_roots", Array());
  if (group) doc.append("group_field", "group");
  doc.append("group_media_types", group ? Document{{"left", "image"}} : Document());
  if (group) doc.append("default_group_slice", "left");
  maybe("tags", Array{"a tag"}, Array());
  if (choose.there()) doc.append("description", "about it");
  maybe("info", Document{{"k", 1}}, Document());
  if (choose.there(80)) doc.append("app_config", modern_app_config(choose));
  maybe("classes", Document{{"f", Array{"cat"}}}, Document());
  maybe("default_classes", Array{"cat"}, Array());
  maybe("mask_targets", Document{{"f", Document{{"1", "cat"}}}}, Document());
  maybe("default_mask_targets", Document{{"1", "cat"}}, Document());
  maybe("skeletons", Document{{"f", Document{{"labels", Array()}}}}, Document());
  if (choose.there()) doc.append("default_skeleton", Document{{"labels", Array{"nose"}}});
  doc.append("camera_intrinsics", Document());
  doc.append("sample_fields", modern_fields(choose, false, group));
  doc.append("frame_fields", video ? modern_fields(choose, true, false) : Array());
  if (choose.there(30)) {
    // Schemas of the beta, which 1.13.0 takes out of the field documents.
    for (auto& item : *doc.find("sample_fields")->as<Array>()) {
      if (choose.odd(30))
        item.as<Document>()->append("schema", chance(70) ? Value(Document{{"type", "string"}}) : Value());
    }
  }
  Array views;
  for (int i = choose.count(2); i > 0; --i) {
    db.collections["views"].push_back(
        {{"_id", oid(40, i)}, {"_dataset_id", kId}, {"name", "view " + std::to_string(i)}});
    views.append(oid(40, i));
  }
  doc.append("saved_views", views);
  doc.append("workspaces", Array());
  doc.append("annotation_runs", modern_runs(choose, db, "annotation_runs", 3));
  doc.append("brain_methods", modern_runs(choose, db, "brain_methods", 4));
  doc.append("evaluations", modern_runs(choose, db, "evaluations", 5));
  doc.append("runs", modern_runs(choose, db, "runs", 6));
  if (choose.there()) doc.append("active_label_schemas", Array{"f"});
  if (choose.there()) doc.append("label_schemas", Document{{"f", Document{{"type", "detections"}}}});
  if (!media_type.empty()) doc.append("media_type", media_type);
  if (!media_type.empty()) modern_samples(choose, db, samples, frames, true);
  for (int i = choose.count(3); i > 0; --i) {
    Document op{{"_id", oid(50, i)}, {"dataset_id", chance(80) ? Value(kId) : Value(oid(60, 1))}};
    if (choose.there(70)) op.append("log_path", choose.one<std::string>({"/logs/a.log", "http://link", "x.log"}));
    if (choose.odd(30)) op.append("run_link", choose.one<std::string>({"http://link", "old"}));
    db.collections["delegated_ops"].push_back(std::move(op));
  }
  return db;
}

FakeDatabase ancient_dataset(Content content, const std::string& media_type) {
  const Chooser choose(content);
  FakeDatabase db;
  const bool video = media_type == "video";
  const std::string samples = "samples." + kId.hex();
  const std::string frames = "frames." + samples;
  Array fields;
  const auto field = [&](const std::string& name, const std::string& ftype, Value subfield, Value embedded) {
    Document out{{"name", name},
                 {"ftype", field_class(ftype)},
                 {"subfield", std::move(subfield)},
                 {"embedded_doc_type", std::move(embedded)}};
    if (choose.there(80)) out.append("media_type", choose.there(50) ? Value() : Value("image"));
    return out;
  };
  fields.append(field("filepath", "StringField", bson::Null{}, bson::Null{}));
  fields.append(field("tags", "ListField", field_class("StringField"), bson::Null{}));
  fields.append(field("metadata", "EmbeddedDocumentField", bson::Null{}, "fiftyone.core.metadata.Metadata"));
  if (choose.there(80)) fields.append(field("media_type", "StringField", bson::Null{}, bson::Null{}));
  for (const char* label : {"Polyline", "Polylines", "Detection"}) {
    if (choose.there(50))
      fields.append(field(std::string("my ") + label, "EmbeddedDocumentField", bson::Null{}, label_class(label)));
  }
  if (video) fields.append(field("frames", "FramesField", field_class("ReferenceField"), bson::Null{}));
  auto& doc = db.dataset;
  doc = {{"_id", kId}, {"name", "My data"}, {"sample_collection_name", samples}, {"persistent", true}};
  if (!media_type.empty()) doc.append("media_type", media_type);
  doc.append("info", Document());
  doc.append("sample_fields", fields);
  if (choose.there(70)) {
    doc.append("frame_fields", video && choose.there() ? Array{field("my Polyline", "EmbeddedDocumentField",
                                                                     bson::Null{}, label_class("Polyline"))}
                                                       : Array());
  }
  for (int s = 1; s <= std::max(1, choose.count(3)); ++s) {
    Document sample{
        {"_id", oid(1, s)}, {"filepath", "/a/" + std::to_string(s)}, {"tags", Array()}, {"metadata", bson::Null{}}};
    if (fields.size() > 3 && choose.there(80)) sample.append("media_type", video ? "video" : "image");
    add_labels(choose, sample, false, false);
    if (video) {
      Document map;
      const int count = choose.count(3);
      for (int f = 1; f <= count; ++f) {
        Document frame{{"_id", oid(2, 10 * s + f)}, {"frame_number", f}};
        add_labels(choose, frame, false, false);
        db.collections[frames].push_back(std::move(frame));
        map.append(std::to_string(f), oid(2, 10 * s + f));
      }
      sample.append("frames", map);
    }
    db.collections[samples].push_back(std::move(sample));
  }
  return db;
}

void use(FakeDatabase& db, const std::string& revision, Content content) {
  const Chooser choose(content);
  auto& doc = db.dataset;
  const auto runs = [&](const char* kind) {
    auto* value = doc.find(kind);
    return value ? value->as<Document>() : nullptr;
  };
  if (revision == "0.7.3") {
    for (int i = choose.count(2); i > 0; --i) {
      const auto key = "eval " + std::to_string(i);
      Document run{{"eval_key", key},
                   {"pred_field", "predictions"},
                   {"gt_field", "ground_truth"},
                   {"config", run_config(choose, "evaluations", false)},
                   {"view_stages", Array()}};
      if (choose.odd(20)) run.take("gt_field");
      runs("evaluations")->set(key, run);
    }
  } else if (revision == "0.7.4") {
    for (const char* kind : {"evaluations", "brain_methods"}) {
      for (int i = choose.count(2); i > 0; --i)
        runs(kind)->set("later " + std::to_string(i), inline_run(choose, kind, "later " + std::to_string(i)));
    }
  } else if (revision == "0.8.0") {
    if (choose.there(40)) doc.set("classes", Document{{"f", Array{"cat"}}});
    for (auto& [key, run] : *runs("evaluations")) {
      if (choose.there(40)) run.as<Document>()->set("results", oid(25, 1));
    }
  } else if (revision == "0.11.2") {
    for (const char* kind : {"evaluations", "brain_methods"}) {
      for (auto& [key, run] : *runs(kind)) {
        if (choose.there(70)) run.as<Document>()->set("version", "0.11.2");
      }
    }
  } else if (revision == "0.13.0") {
    if (choose.there()) runs("annotation_runs")->set("cvat", inline_run(choose, "annotation_runs", "cvat"));
  } else if (revision == "0.14.0") {
    if (choose.there()) doc.set("created_at", date(0));
  } else if (revision == "0.15.1") {
    if (choose.there()) doc.set("skeletons", Document{{"f", Document{{"labels", Array{"nose"}}}}});
  } else if (revision == "0.16.1") {
    if (choose.there()) {
      doc.set("app_sidebar_groups", Array{Document{{"name", "tags"}, {"paths", Array()}},
                                          Document{{"name", "label tags"}, {"paths", Array()}},
                                          Document{{"name", "labels"}, {"paths", Array{"f"}}}});
    }
  } else if (revision == "0.16.3") {
    if (choose.there()) doc.set("tags", Array{"a tag"});
  } else if (revision == "0.18.0") {
    if (choose.there()) doc.find("sample_fields")->as<Array>()->begin()->as<Document>()->set("description", "about it");
  } else if (revision == "0.19.0") {
    if (choose.there()) {
      db.collections["views"].push_back({{"_id", oid(40, 1)}, {"name", "view"}});
      doc.set("saved_views", Array{oid(40, 1)});
    }
    for (auto& run : db.collections["runs"]) {
      if (choose.there(50) && run.has("results")) run.set("results", oid(26, 1));
    }
  } else if (revision == "0.20.0") {
    if (choose.there()) {
      if (auto* config = doc.find("app_config")->as<Document>()) {
        config->set("color_scheme",
                    Document{{"color_pool", Array{"#ff0000"}}, {"fields", Array{Document{{"path", "f"}}}}});
      }
    }
  } else if (revision == "1.1.0") {
    for (int i = choose.count(3); i > 0; --i) {
      db.collections["delegated_ops"].push_back(
          {{"_id", oid(50, i)},
           {"dataset_id", kId},
           {"run_link", choose.one<std::string>({"/logs/a.log", "http://link"})}});
    }
  }
}

bool Outcome::lost() const {
  return std::any_of(displaced.begin(), displaced.end(), [](const auto& one) { return one.lost; });
}

Outcome migrate(FakeDatabase& db, const Revision& revision, bool up) {
  const ops::IdGenerator ids(kNow, "seed");
  ops::Context context(kId, kNow, ids, [&](const std::string& collection, const Value& id) {
    const auto* found = db.find(collection, id);
    return found ? std::optional<Document>(*found) : std::nullopt;
  });
  const auto* name = db.dataset.find("name");
  context.dataset_name = *name->as<std::string>();
  context.revision = revision.text;
  context.down = !up;
  context.file_has_key = [](const Value&, const std::string&) { return true; };
  ops::NameBook book(kNow);
  book.add(name, nullptr);
  context.naming = book.choose(name);

  ops::apply(up ? revision.up : revision.down, db.dataset, context);
  for (const auto& entry : context.references.entries()) {
    auto& docs = db.collections[entry.collection];
    const auto at =
        std::find_if(docs.begin(), docs.end(), [&](const Document& doc) { return *doc.find("_id") == entry.id; });
    if (!entry.after) {
      if (at != docs.end()) docs.erase(at);
    } else if (at != docs.end()) {
      *at = *entry.after;
    } else {
      docs.push_back(*entry.after);
    }
  }
  for (const auto& work : context.work) {
    const auto found = db.collections.find(work.collection);
    if (found == db.collections.end()) continue;
    const auto* custom = std::get_if<ops::Custom>(&work.step->operation);
    for (auto& doc : found->second) {
      const bool mine = std::all_of(work.filter.begin(), work.filter.end(), [&](const auto& element) {
        const auto* value = doc.find(element.key);
        return value && *value == element.value;
      });
      if (!mine) continue;
      if (custom && custom->function->join) {
        custom->function->apply_join(doc, db.collections[work.frames], custom->arguments);
      } else {
        ops::apply_to_member(*work.step, doc, context);
      }
    }
  }
  std::erase_if(db.collections, [](const auto& entry) { return entry.second.empty(); });
  return {std::move(context.displaced), std::move(context.messages)};
}

}  // namespace fm
