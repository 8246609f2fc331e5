#include "exec/residue_image.h"

#include "bson/read.h"
#include "exec/prepare.h"

namespace fm {

using bson::Array;
using bson::Document;

namespace {

// Others that do not fit beside the document go into records of their own.
constexpr std::size_t kPartBytes = std::size_t{12} << 20;

Array list_of(const std::vector<Image::Consumed>& all) {
  Array out;
  for (const auto& one : all) out.append(Document{{"run", one.run}, {"revisions", Array::of(one.revisions)}});
  return out;
}

std::vector<Image::Consumed> consumed_at(const Document& record, const char* key) {
  std::vector<Image::Consumed> out;
  for (const auto* one : bson::documents_at(record, key)) {
    out.push_back({bson::text_at(*one, "run"), bson::strings_at(*one, "revisions")});
  }
  return out;
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
    image.open = bson::strings_at(record, "open");
    image.before = document_at("before");
    image.consumed = consumed_at(record, "consumed");
    image.revived = consumed_at(record, "revived");
    if (const auto* files = record.find("files"); files && files->as<Array>()) image.files = *files->as<Array>();
    for (auto& name : bson::strings_at(record, "members")) image.members.insert(std::move(name));
  }
  others("others", image.others);
  if (auto after = document_at("after")) image.after = std::move(after);
  others("after_others", image.after_others);
}

}  // namespace

bool Image::is_of(std::string_view samples) const {
  return !before || bson::text_at(*before, "sample_collection_name") == samples;
}

Document record_id(const Image& image, std::int32_t part) {
  return {{"run", image.run},
          {"service", image.service},
          {"collection", image.collection},
          {"document", image.document},
          {"part", part}};
}

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
    if (!image.open.empty()) first.append("open", Array::of(image.open));
    if (image.before) {
      first.append("before", *image.before);
      bytes += bson::encoded_size(*image.before);
    }
    bytes += image.stored.size();
    if (!image.consumed.empty()) first.append("consumed", list_of(image.consumed));
    if (!image.revived.empty()) first.append("revived", list_of(image.revived));
    if (!image.files.empty()) first.append("files", image.files);
    if (!image.members.empty()) {
      first.append("members", Array::of(image.members));
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

void ImageReader::add(const Document& record) {
  const auto* id = record.find("document");
  if (!record.has("run") || !id) return;  // the record of a run
  const auto key = bson::text_at(record, "run") + "/" + bson::text_at(record, "service") + "/" +
                   bson::text_at(record, "collection") + "/" + id_key(*id);
  if (key != key_) finish();
  key_ = key;
  if (!image_) image_.emplace();
  read_into(*image_, record);
}

void ImageReader::finish() {
  if (image_) visit_(std::move(*image_));
  image_.reset();
}

std::vector<Image> read_images(const std::vector<Document>& records) {
  std::vector<Image> out;
  ImageReader reader([&](Image image) { out.push_back(std::move(image)); });
  for (const auto& record : records) reader.add(record);
  reader.finish();
  return out;
}

}  // namespace fm
