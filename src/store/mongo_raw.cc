// Mongo: whole collections as bytes.
#include <algorithm>
#include <cstring>
#include <utility>

#include "store/driver.h"

namespace fm {

using bson::Document;

namespace {

// Batches of about this size keep server and reader at work side by side.
constexpr std::int64_t kBatchBytes = std::int64_t{8} << 20;
constexpr std::int64_t kSmallestBatch = 100;

struct Batch {
  std::int64_t cursor = 0;  // 0: there is no more
  std::int64_t count = 0;
  std::string documents;  // back to back
};

Batch take_batch(const bson_t* reply, std::string_view batch_key) {
  Batch out;
  bson_iter_t top;
  bson_iter_t field;
  bson_iter_t item;
  if (!bson_iter_init_find(&top, reply, "cursor") || !bson_iter_recurse(&top, &field)) return out;
  out.documents.reserve(reply->len);
  while (bson_iter_next(&field)) {
    const std::string_view key = bson_iter_key(&field);
    if (key == "id") out.cursor = bson_iter_as_int64(&field);
    if (key != batch_key || !bson_iter_recurse(&field, &item)) continue;
    while (bson_iter_next(&item)) {
      std::uint32_t size = 0;
      const std::uint8_t* data = nullptr;
      bson_iter_document(&item, &size, &data);
      out.documents.append(reinterpret_cast<const char*>(data), size);
      ++out.count;
    }
  }
  return out;
}

bool has_empty_timestamp(const bson::View& document) {
  bson_iter_t field;
  if (!bson_iter_init(&field, document.c())) return false;
  while (bson_iter_next(&field)) {
    if (bson_iter_type(&field) != BSON_TYPE_TIMESTAMP) continue;
    std::uint32_t time = 0;
    std::uint32_t increment = 0;
    bson_iter_timestamp(&field, &time, &increment);
    if (time == 0 && increment == 0 && std::string_view(bson_iter_key(&field)) != "_id") return true;
  }
  return false;
}

std::vector<bson::View> split(std::string_view batch, const std::string& doing) {
  std::vector<bson::View> out;
  while (!batch.empty()) {
    std::uint32_t size = 0;
    if (batch.size() >= sizeof size) std::memcpy(&size, batch.data(), sizeof size);
    size = BSON_UINT32_FROM_LE(size);
    if (size < 5 || size > batch.size()) throw Error(Exit::kFailed, doing + ": not a sequence of BSON documents");
    out.emplace_back(reinterpret_cast<const std::uint8_t*>(batch.data()), size);
    batch.remove_prefix(size);
  }
  return out;
}

}  // namespace

// Commands of our own instead of the driver's cursor, which cannot be told a
// time, and which tries a lost getMore once more, past the batch that was lost.
void Mongo::read_raw(const std::string& collection, const std::optional<ClusterTime>& at,
                     const std::function<void(std::string batch)>& visit) {
  const std::string doing = "reading " + collection;
  const Client client(*this);
  bson_error_t error;
  const auto* preference = mongoc_client_get_read_prefs(client.get());
  const std::unique_ptr<mongoc_server_description_t, void (*)(mongoc_server_description_t*)> server(
      mongoc_client_select_server(client.get(), false, preference, &error), mongoc_server_description_destroy);
  if (!server) fail(error, doing);

  const auto ask = [&](const Document& command, const char* batch_key) {
    const bson::CDoc c_command(command);
    bson::CDoc reply;
    bson_destroy(reply.out());
    if (!mongoc_client_command_simple_with_server_id(client.get(), database_.c_str(), c_command.get(), preference,
                                                     mongoc_server_description_id(server.get()), reply.out(), &error)) {
      fail(error, doing);
    }
    return take_batch(reply.get(), batch_key);
  };

  Document find{{"find", full_name(collection)}, {"hint", Document{{"$natural", 1}}}};
  if (at) {
    bson_value_t time{};
    time.value_type = BSON_TYPE_TIMESTAMP;
    time.value.v_timestamp.timestamp = at->seconds;
    time.value.v_timestamp.increment = at->increment;
    find.append("readConcern", Document{{"level", "snapshot"}, {"atClusterTime", bson::Raw(time)}});
  }
  auto batch = ask(find, "firstBatch");
  const auto cursor = batch.cursor;
  try {
    while (true) {
      const auto bytes = static_cast<std::int64_t>(batch.documents.size());
      const auto count = std::max(kSmallestBatch, kBatchBytes * batch.count / std::max<std::int64_t>(bytes, 1));
      if (bytes > 0) visit(std::move(batch.documents));
      if (batch.cursor == 0) break;
      batch =
          ask(Document{{"getMore", cursor}, {"collection", full_name(collection)}, {"batchSize", count}}, "nextBatch");
    }
  } catch (...) {
    const bson::CDoc kill(Document{{"killCursors", full_name(collection)}, {"cursors", bson::Array{cursor}}});
    mongoc_client_command_simple_with_server_id(client.get(), database_.c_str(), kill.get(), preference,
                                                mongoc_server_description_id(server.get()), nullptr, &error);
    throw;
  }
}

void Mongo::insert_raw(const std::string& collection, std::string_view batch, bool bypass_validator, Journal journal) {
  const std::string doing = "inserting into " + collection;
  const auto documents = split(batch, doing);
  if (documents.empty()) return;
  const Collection coll(*this, collection);
  auto concern = write_concern();
  if (journal == Journal::kLater) concern.set("j", false);
  const bson::CDoc bulk_opts(Document{{"ordered", true}, {"writeConcern", std::move(concern)}});
  const Bulk bulk(mongoc_collection_create_bulk_operation_with_opts(coll.get(), bulk_opts.get()));
  mongoc_bulk_operation_set_bypass_document_validation(bulk.get(), bypass_validator);
  const bson::CDoc opts(Document{{"validate", false}});
  bson_error_t error;
  std::vector<bson::View> empty_timestamps;
  for (const auto& document : documents) {
    if (!mongoc_bulk_operation_insert_with_opts(bulk.get(), document.c(), opts.get(), &error)) fail(error, doing);
    if (has_empty_timestamp(document)) empty_timestamps.push_back(document);
  }
  write(bulk.get(), doing, nullptr);
  restore_empty_timestamps(collection, empty_timestamps, bypass_validator);
}

// An insert puts the current time where a timestamp at the top is 0; a pipeline
// leaves it alone.
void Mongo::restore_empty_timestamps(const std::string& collection, const std::vector<bson::View>& documents,
                                     bool bypass_validator) {
  for (const auto& view : documents) {
    const auto document = view.decode();
    const Document stage{{"$replaceWith", Document{{"$literal", document}}}};
    const Document update{{"q", Document{{"_id", Document{{"$eq", *document.find("_id")}}}}},
                          {"u", bson::Array{stage}}};
    Document command{{"update", full_name(collection)}, {"updates", bson::Array{update}}};
    if (bypass_validator) command.append("bypassDocumentValidation", true);
    run(command, true);
  }
}

}  // namespace fm
