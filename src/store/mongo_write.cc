// Mongo: writing documents.
#include "store/driver.h"

namespace fm {

using bson::Document;
using bson::Value;

namespace {

// Whether that error is of the index on _id; the first one that a server asks.
bool is_of_id(const Document& error) {
  const auto* pattern = error.find("keyPattern");
  const auto* keys = pattern ? pattern->as<Document>() : nullptr;
  if (keys) return keys->size() == 1 && keys->has("_id");
  const auto* text = error.find("errmsg");
  const auto* message = text ? text->as<std::string>() : nullptr;
  return message && message->find("_id_ ") != std::string::npos;
}

Document execute(mongoc_bulk_operation_t* bulk, const std::string& doing, Mongo::Clashes* clashes) {
  bson_t c_reply;
  bson_error_t error;
  const bool ok = mongoc_bulk_operation_execute(bulk, &c_reply, &error) != 0;
  Document reply;
  try {
    reply = Document::decode(&c_reply);
  } catch (...) {
    bson_destroy(&c_reply);
    throw;
  }
  bson_destroy(&c_reply);
  if (clashes) {
    const auto* list = reply.find("writeErrors");
    const auto* errors = list ? list->as<bson::Array>() : nullptr;
    bson::Array others;
    for (std::size_t i = 0; errors && i < errors->size(); ++i) {
      const auto* one = (*errors)[i].as<Document>();
      if (one && integer_of(*one, "code") == kDuplicateKey && (!clashes->of_id_only || is_of_id(*one))) {
        clashes->at.push_back(static_cast<std::size_t>(integer_of(*one, "index")));
      } else {
        others.append((*errors)[i]);
      }
    }
    if (!clashes->at.empty()) {
      // What is said is what is wrong, not the first of all.
      const bool failed = !others.empty();
      reply.take("writeErrors");
      if (failed) reply.append("writeErrors", std::move(others));
      check_reply(reply, doing);
      return reply;
    }
  }
  if (!ok) {
    check_reply(reply, doing);
    fail(error, doing);
  }
  check_reply(reply, doing);
  return reply;
}

std::vector<bson::Bytes> encoded(const std::vector<Document>& docs) {
  std::vector<bson::Bytes> out;
  out.reserve(docs.size());
  for (const auto& doc : docs) out.push_back(bson::encode(doc));
  return out;
}

}  // namespace

Document Mongo::write(mongoc_bulk_operation_t* bulk, const std::string& doing, Clashes* clashes) {
  boundary();
  auto reply = execute(bulk, doing, clashes);
  boundary();
  return reply;
}

std::vector<std::size_t> Mongo::insert(const std::string& collection, const std::vector<Document>& docs) {
  return insert(collection, encoded(docs));
}

std::vector<std::size_t> Mongo::insert(const std::string& collection, const std::vector<bson::Bytes>& docs) {
  Clashes clashes{true, {}};
  insert(collection, docs, clashes);
  return std::move(clashes.at);
}

std::vector<std::size_t> Mongo::insert_or_clash(const std::string& collection, const std::vector<Document>& docs) {
  Clashes clashes{false, {}};
  insert(collection, encoded(docs), clashes);
  return std::move(clashes.at);
}

void Mongo::insert(const std::string& collection, const std::vector<bson::Bytes>& docs, Clashes& clashes) {
  if (docs.empty()) return;
  const Collection coll(*this, collection);
  const Bulk bulk = coll.bulk();
  bson_error_t error;
  const std::string doing = "inserting into " + collection;
  const bson::CDoc opts(Document{{"validate", false}});
  for (const auto& doc : docs) {
    const bson::View view(doc);
    if (!mongoc_bulk_operation_insert_with_opts(bulk.get(), view.c(), opts.get(), &error)) fail(error, doing);
  }
  write(bulk.get(), doing, &clashes);
}

std::int64_t Mongo::replace(const std::string& collection, const std::vector<Update>& updates) {
  if (updates.empty()) return 0;
  const Collection coll(*this, collection);
  const Bulk bulk = coll.bulk();
  bson_error_t error;
  const std::string doing = "writing to " + collection;
  const bson::CDoc opts(Document{{"validate", false}});
  for (const auto& update : updates) {
    const bson::View filter(update.filter);
    const bson::View doc(update.update);
    if (!mongoc_bulk_operation_replace_one_with_opts(bulk.get(), filter.c(), doc.c(), opts.get(), &error)) {
      fail(error, doing);
    }
  }
  return integer_of(write(bulk.get(), doing, nullptr), "nMatched");
}

std::int64_t Mongo::update(const std::string& collection, const std::vector<Update>& updates) {
  if (updates.empty()) return 0;
  const Collection coll(*this, collection);
  const Bulk bulk = coll.bulk();
  bson_error_t error;
  const std::string doing = "writing to " + collection;
  const bson::CDoc opts(Document{{"validate", false}});  // the server decides which keys are good
  for (const auto& update : updates) {
    const bson::View filter(update.filter);
    const bson::View doc(update.update);
    if (!mongoc_bulk_operation_update_one_with_opts(bulk.get(), filter.c(), doc.c(), opts.get(), &error)) {
      fail(error, doing);
    }
  }
  return integer_of(write(bulk.get(), doing, nullptr), "nMatched");
}

std::int64_t Mongo::upsert(const std::string& collection, const Update& update) {
  const Collection coll(*this, collection);
  const Bulk bulk = coll.bulk();
  bson_error_t error;
  const std::string doing = "writing to " + collection;
  const bson::View filter(update.filter);
  const bson::View doc(update.update);
  const bson::CDoc opts(Document{{"upsert", true}, {"validate", false}});
  if (!mongoc_bulk_operation_replace_one_with_opts(bulk.get(), filter.c(), doc.c(), opts.get(), &error)) {
    fail(error, doing);
  }
  const auto reply = write(bulk.get(), doing, nullptr);
  return integer_of(reply, "nMatched") + integer_of(reply, "nUpserted");
}

std::int64_t Mongo::remove(const std::string& collection, const std::vector<Value>& ids) {
  constexpr std::size_t kBatch = 10000;
  std::int64_t removed = 0;
  for (std::size_t start = 0; start < ids.size(); start += kBatch) {
    bson::Array in;
    for (std::size_t i = start; i < ids.size() && i < start + kBatch; ++i) in.append(ids[i]);
    removed += remove_where(collection, Document{{"_id", Document{{"$in", std::move(in)}}}});
  }
  return removed;
}

std::int64_t Mongo::remove_where(const std::string& collection, const Document& filter) {
  const Collection coll(*this, collection);
  const Bulk bulk = coll.bulk();
  bson_error_t error;
  const std::string doing = "deleting from " + collection;
  const bson::CDoc c_filter(filter);
  if (!mongoc_bulk_operation_remove_many_with_opts(bulk.get(), c_filter.get(), nullptr, &error)) fail(error, doing);
  return integer_of(write(bulk.get(), doing, nullptr), "nRemoved");
}

Mongo::Changed Mongo::update_many(const std::string& collection, const Document& filter, const bson::Array& pipeline,
                                  bool hint_id) {
  const Collection coll(*this, collection);
  const Bulk bulk = coll.bulk();
  bson_error_t error;
  const std::string doing = "updating " + collection;
  const bson::CDoc c_filter(filter);
  Document stages;  // the driver knows a pipeline by its keys "0", "1", ...
  for (std::size_t i = 0; i < pipeline.size(); ++i) stages.append(std::to_string(i), pipeline[i]);
  const bson::CDoc c_pipeline(stages);
  Document options{{"validate", false}};  // the server decides which keys are good
  if (hint_id) options.append("hint", Document{{"_id", 1}});
  const bson::CDoc opts(options);
  if (!mongoc_bulk_operation_update_many_with_opts(bulk.get(), c_filter.get(), c_pipeline.get(), opts.get(), &error)) {
    fail(error, doing);
  }
  const auto reply = write(bulk.get(), doing, nullptr);
  return {integer_of(reply, "nMatched"), integer_of(reply, "nModified")};
}

}  // namespace fm
