#include "store/mongo.h"

#include <unistd.h>
#include <algorithm>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"
#include "bson/path.h"
#include "store/denied.h"

namespace fm {

using bson::Document;
using bson::Value;

namespace {

constexpr std::int32_t kUnauthorized = 13;
constexpr std::int32_t kAuthenticationFailed = 18;
// Another member is primary now, or this one stops: what failed can be done again.
constexpr std::uint32_t kTransient[] = {91, 189, 10107, 11600, 11602, 13435, 13436};
constexpr std::uint32_t kNamespaceNotFound = 26;
constexpr std::int32_t kDuplicateKey = 11000;
constexpr std::int32_t kSnapshotTooOld = 239;
constexpr std::int32_t kSnapshotUnavailable = 246;
constexpr std::int32_t kSelectionTimeoutMs = 10000;

Document write_concern() { return {{"w", "majority"}}; }
Document durable_write_concern() { return {{"w", "majority"}, {"j", true}}; }

std::string unreachable_remedy(std::string_view message) {
  if (message.find("TLS handshake failed") != std::string_view::npos) {
    return "The server is there, but TLS fails: tlsCAFile in the database URI has to name the authority of the "
           "server's "
           "certificate, the host of the URI has to stand in the certificate, and tls=true is only for a server with "
           "TLS.";
  }
  std::string out = "Check that the server of the database URI is up and can be reached from here.";
  // The driver says it in two ways, depending on who was quicker.
  if (message.find("closed connection") != std::string_view::npos ||
      message.find("connection closed") != std::string_view::npos) {
    out += " One that wants TLS closes the connection too: then add tls=true to the URI.";
  }
  return out;
}

// The driver takes a file that is not there for a failed connection.
void check_tls_files(const mongoc_uri_t* uri) {
  const std::pair<const char*, const char*> options[] = {{MONGOC_URI_TLSCAFILE, "tlsCAFile"},
                                                         {MONGOC_URI_TLSCERTIFICATEKEYFILE, "tlsCertificateKeyFile"}};
  for (const auto& [option, name] : options) {
    const char* path = mongoc_uri_get_option_as_utf8(uri, option, nullptr);
    if (!path || access(path, R_OK) == 0) continue;
    throw Error(Exit::kUsage, std::string("The file '") + path + "' of " + name +
                                  " in the database URI cannot be read: " + std::strerror(errno));
  }
}

// Driver errors become ours here, once.
[[noreturn]] void fail(const bson_error_t& error, const std::string& doing) {
  const std::string what = doing + ": " + error.message;
  switch (error.domain) {
    case MONGOC_ERROR_SERVER_SELECTION: {
      // A refused login shows up as a failed selection too.
      if (std::string_view(error.message).find("uthentication") != std::string_view::npos) {
        throw Error(Exit::kRights, what, "Check user, password and authSource in the database URI.", "ConnectionError");
      }
      throw Error(Exit::kUnreachable, "Could not connect to `mongod`: " + std::string(error.message),
                  unreachable_remedy(error.message), "ConnectionError");
    }
    case MONGOC_ERROR_STREAM:
      throw Error(Exit::kUnreachable, what, "The connection was lost; run the same command again.", "ConnectionError");
    case MONGOC_ERROR_CLIENT:
      if (error.code == MONGOC_ERROR_CLIENT_AUTHENTICATE) {
        throw Error(Exit::kRights, what, "Check user, password and authSource in the database URI.", "ConnectionError");
      }
      break;
    default:
      break;
  }
  // The driver's own codes mean other things.
  const bool of_server = error.domain == MONGOC_ERROR_SERVER || error.domain == MONGOC_ERROR_WRITE_CONCERN;
  if (of_server && (error.code == kUnauthorized || error.code == kAuthenticationFailed)) {
    if (what.find("requires authentication") != std::string::npos) {
      throw Error(Exit::kRights, what, "Name a user in the database URI: mongodb://user:password@host:27017/");
    }
    std::string remedy = "The user of the database URI needs the role readWrite on this database.";
    if (const auto denied = read_denied(error.message)) {
      remedy = "The user of the database URI lacks " + denied->missing() +
               ". Migrating needs the role readWrite on the database, or the role of docs/security.md.";
    }
    // What follows is the command with all it carries.
    throw Error(Exit::kRights, what.substr(0, what.find(" to execute command {")), remedy);
  }
  if (of_server && std::find(std::begin(kTransient), std::end(kTransient), error.code) != std::end(kTransient)) {
    throw Error(Exit::kUnreachable, what, "The server changes its role or stops; run the same command again.",
                "ConnectionError");
  }
  if (of_server && (error.code == kSnapshotTooOld || error.code == kSnapshotUnavailable)) {
    throw Error(Exit::kPrecondition, what,
                "The server no longer has, or cannot give, the data of that time. Raise its parameter "
                "minSnapshotHistoryWindowInSeconds (300 unless set) above the time that reading takes, and keep other "
                "programs from creating collections meanwhile; then run the same command again.");
  }
  throw Error(Exit::kFailed, what);
}

// writeErrors and writeConcernError of a reply that says ok.
void check_reply(const Document& reply, const std::string& doing) {
  bson_error_t error{};
  const auto from = [&](const Document& doc) {
    const auto* message = doc.find("errmsg");
    const auto* code = doc.find("code");
    const auto* text = message ? message->as<std::string>() : nullptr;
    bson_set_error(&error, MONGOC_ERROR_SERVER, static_cast<std::uint32_t>(code ? code->integer().value_or(0) : 0),
                   "%s", text ? text->c_str() : "unknown error");
    fail(error, doing);
  };
  for (const char* key : {"writeErrors", "writeConcernErrors"}) {
    const auto* list = reply.find(key);
    const auto* errors = list ? list->as<bson::Array>() : nullptr;
    if (errors && !errors->empty() && (*errors)[0].as<Document>()) from(*(*errors)[0].as<Document>());
  }
  const auto* concern = reply.find("writeConcernError");
  if (concern && concern->as<Document>()) from(*concern->as<Document>());
}

std::int64_t integer_of(const Document& reply, const char* key) {
  const auto* value = reply.find(key);
  return value ? value->integer().value_or(0) : 0;
}

struct FreeCursor {
  void operator()(mongoc_cursor_t* cursor) const { mongoc_cursor_destroy(cursor); }
};
using Cursor = std::unique_ptr<mongoc_cursor_t, FreeCursor>;

struct FreeBulk {
  void operator()(mongoc_bulk_operation_t* bulk) const { mongoc_bulk_operation_destroy(bulk); }
};
using Bulk = std::unique_ptr<mongoc_bulk_operation_t, FreeBulk>;

struct FreeCollection {
  void operator()(mongoc_collection_t* collection) const { mongoc_collection_destroy(collection); }
};

void visit_all(const Cursor& cursor, const std::string& doing, const std::function<void(bson::View)>& visit) {
  const bson_t* doc = nullptr;
  while (mongoc_cursor_next(cursor.get(), &doc)) visit(bson::View(doc));
  bson_error_t error;
  if (mongoc_cursor_error(cursor.get(), &error)) fail(error, doing);
}

}  // namespace

MongoDriver::MongoDriver() {
  // Counters in shared memory outlive a killed process and print to stderr.
  setenv("MONGOC_DISABLE_SHM", "1", 0);
  mongoc_log_set_handler([](mongoc_log_level_t, const char*, const char*, void*) {}, nullptr);
  mongoc_init();
}

MongoDriver::~MongoDriver() { mongoc_cleanup(); }

class Mongo::Client {
 public:
  explicit Client(Mongo& mongo) : mongo_(mongo) {
    {
      const std::lock_guard lock(mongo_.mutex_);
      if (!mongo_.idle_.empty()) {
        client_ = std::move(mongo_.idle_.back());
        mongo_.idle_.pop_back();
        return;
      }
    }
    client_.reset(mongoc_client_new_from_uri(mongo_.uri_.get()));
    if (!client_) throw Error(Exit::kUsage, "The database URI cannot be used by this build of the driver");
    mongoc_client_set_error_api(client_.get(), MONGOC_ERROR_API_VERSION_2);
    mongoc_client_set_appname(client_.get(), "fiftyone-migrator");
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() {
    const std::lock_guard lock(mongo_.mutex_);
    mongo_.idle_.push_back(std::move(client_));
  }
  mongoc_client_t* get() const { return client_.get(); }

 private:
  Mongo& mongo_;
  OwnedClient client_;
};

class Mongo::Collection {
 public:
  Collection(Mongo& mongo, const std::string& name)
      : client_(mongo),
        collection_(
            mongoc_client_get_collection(client_.get(), mongo.database_.c_str(), mongo.full_name(name).c_str())) {}
  mongoc_collection_t* get() const { return collection_.get(); }

  Bulk bulk() const {
    const bson::CDoc opts(Document{{"ordered", false}, {"writeConcern", write_concern()}});
    return Bulk(mongoc_collection_create_bulk_operation_with_opts(collection_.get(), opts.get()));
  }

 private:
  Client client_;
  std::unique_ptr<mongoc_collection_t, FreeCollection> collection_;
};

Mongo::Mongo(const std::string& uri, std::string database, const std::string& compressor)
    : database_(std::move(database)) {
  bson_error_t error;
  uri_.reset(mongoc_uri_new_with_error(uri.c_str(), &error));
  if (!uri_) {
    // What has no scheme may be a password alone.
    const auto shown = uri.find("://") == std::string::npos ? "***" : mask_uri(uri);
    throw Error(Exit::kUsage, "The database URI '" + shown + "' is not valid: " + error.message,
                "A URI looks like mongodb://user:password@host:27017/?authSource=admin", "ConnectionError");
  }
  check_tls_files(uri_.get());
  if (!mongoc_uri_has_option(uri_.get(), MONGOC_URI_SERVERSELECTIONTIMEOUTMS)) {
    mongoc_uri_set_option_as_int32(uri_.get(), MONGOC_URI_SERVERSELECTIONTIMEOUTMS, kSelectionTimeoutMs);
  }
  if (!compressor.empty()) mongoc_uri_set_compressors(uri_.get(), compressor.c_str());
  // One failed look at the servers is not final: an election takes longer.
  mongoc_uri_set_option_as_bool(uri_.get(), MONGOC_URI_SERVERSELECTIONTRYONCE, false);
}

Mongo::Mongo(const Mongo& of, std::string prefix)
    : database_(of.database_), prefix_(of.prefix_ + std::move(prefix)), uri_(mongoc_uri_copy(of.uri_.get())) {}

std::optional<std::string> Mongo::own_name(std::string_view collection) const {
  if (!collection.starts_with(prefix_)) return std::nullopt;
  return std::string(collection.substr(prefix_.size()));
}

// The stages that name a collection, as deep as they are nested.
bson::Array Mongo::in_corner(const bson::Array& pipeline) const {
  if (prefix_.empty()) return pipeline;
  bson::Array out = pipeline;
  for (auto& item : out) {
    auto* stage = item.as<Document>();
    if (!stage) continue;
    for (auto& [name, value] : *stage) {
      auto* arguments = value.as<Document>();
      if (name == "$out" && value.as<std::string>()) value = full_name(*value.as<std::string>());
      if (!arguments || (name != "$lookup" && name != "$merge" && name != "$unionWith" && name != "$graphLookup")) {
        continue;
      }
      for (const char* key : {"from", "into", "coll"}) {
        auto* collection = arguments->find(key);
        if (collection && collection->as<std::string>()) *collection = full_name(*collection->as<std::string>());
      }
      if (auto* inner = arguments->find("pipeline"); inner && inner->as<bson::Array>()) {
        *inner = in_corner(*inner->as<bson::Array>());
      }
    }
  }
  return out;
}

Document Mongo::run(const Document& command, bool write, const char* database) {
  const Client client(*this);
  const bson::CDoc c_command(command);
  const bson::CDoc opts(write ? Document{{"writeConcern", write_concern()}} : Document{});
  bson::CDoc reply;
  bson_error_t error;
  const char* target = database ? database : database_.c_str();
  const std::string doing = command.empty() ? "command" : command[0].key;
  bson_destroy(reply.out());
  if (write) boundary();
  const bool ok = write ? mongoc_client_write_command_with_opts(client.get(), target, c_command.get(), opts.get(),
                                                                reply.out(), &error)
                        : mongoc_client_read_command_with_opts(client.get(), target, c_command.get(), nullptr,
                                                               opts.get(), reply.out(), &error);
  auto result = Document::decode(reply.get());
  if (!ok) {
    // As from MongoDB 7 on: a collection that is not there needs no dropping.
    const bool gone = doing == "drop" && error.domain == MONGOC_ERROR_SERVER && error.code == kNamespaceNotFound;
    if (!gone) fail(error, doing);
  }
  check_reply(result, doing);
  if (write) boundary();
  return result;
}

void Mongo::remove_durably(const std::string& collection, const Value& id) {
  const Document one{{"q", Document{{"_id", id}}}, {"limit", 1}};
  boundary();
  run(
      Document{
          {"delete", full_name(collection)}, {"deletes", bson::Array{one}}, {"writeConcern", durable_write_concern()}},
      false);
  boundary();
}

Document Mongo::command(const Document& command, const std::string& database) {
  return run(command, false, database.empty() ? nullptr : database.c_str());
}

void Mongo::ping() { run(Document{{"ping", 1}}, false); }

std::string Mongo::server_version() {
  const auto reply = run(Document{{"buildInfo", 1}}, false);
  const auto* version = reply.find("version");
  const auto* text = version ? version->as<std::string>() : nullptr;
  return text ? *text : "";
}

std::optional<std::string> Mongo::feature_compatibility() {
  try {
    const auto reply = run(Document{{"getParameter", 1}, {"featureCompatibilityVersion", 1}}, false, "admin");
    const auto* version = bson::Path("featureCompatibilityVersion.version").find(reply);
    const auto* text = version ? version->as<std::string>() : nullptr;
    if (text) return *text;
  } catch (const Error& error) {
    if (error.code() != Exit::kRights) throw;
  }
  return std::nullopt;
}

void Mongo::find(const std::string& collection, const Document& filter, const FindOptions& options,
                 const std::function<void(bson::View)>& visit) {
  Document opts;
  if (options.projection) opts.append("projection", *options.projection);
  if (options.sort) opts.append("sort", *options.sort);
  if (options.hint) opts.append("hint", *options.hint);
  if (options.min) opts.append("min", *options.min);
  if (options.limit) opts.append("limit", options.limit);
  if (options.skip) opts.append("skip", options.skip);
  const Collection coll(*this, collection);
  const bson::CDoc c_filter(filter);
  const bson::CDoc c_opts(opts);
  const Cursor cursor(mongoc_collection_find_with_opts(coll.get(), c_filter.get(), c_opts.get(), nullptr));
  visit_all(cursor, "reading " + collection, visit);
}

std::optional<Document> Mongo::find_one(const std::string& collection, const Document& filter,
                                        const FindOptions& options) {
  auto limited = options;
  limited.limit = 1;
  std::optional<Document> out;
  find(collection, filter, limited, [&](bson::View view) { out = view.decode(); });
  return out;
}

namespace {

Document execute(mongoc_bulk_operation_t* bulk, const std::string& doing, std::vector<std::size_t>* duplicates) {
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
  if (duplicates) {
    const auto* list = reply.find("writeErrors");
    const auto* errors = list ? list->as<bson::Array>() : nullptr;
    bool others = false;
    for (std::size_t i = 0; errors && i < errors->size(); ++i) {
      const auto* one = (*errors)[i].as<Document>();
      if (one && integer_of(*one, "code") == kDuplicateKey) {
        duplicates->push_back(static_cast<std::size_t>(integer_of(*one, "index")));
      } else {
        others = true;
      }
    }
    if (!others && !duplicates->empty()) {
      reply.take("writeErrors");
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

}  // namespace

Document Mongo::write(mongoc_bulk_operation_t* bulk, const std::string& doing, std::vector<std::size_t>* duplicates) {
  boundary();
  auto reply = execute(bulk, doing, duplicates);
  boundary();
  return reply;
}

std::vector<std::size_t> Mongo::insert(const std::string& collection, const std::vector<Document>& docs) {
  std::vector<bson::Bytes> encoded;
  encoded.reserve(docs.size());
  for (const auto& doc : docs) encoded.push_back(bson::encode(doc));
  return insert(collection, encoded);
}

std::vector<std::size_t> Mongo::insert(const std::string& collection, const std::vector<bson::Bytes>& docs) {
  std::vector<std::size_t> duplicates;
  if (docs.empty()) return duplicates;
  const Collection coll(*this, collection);
  const Bulk bulk = coll.bulk();
  bson_error_t error;
  const std::string doing = "inserting into " + collection;
  const bson::CDoc opts(Document{{"validate", false}});
  for (const auto& doc : docs) {
    const bson::View view(doc);
    if (!mongoc_bulk_operation_insert_with_opts(bulk.get(), view.c(), opts.get(), &error)) fail(error, doing);
  }
  write(bulk.get(), doing, &duplicates);
  return duplicates;
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

void Mongo::aggregate_merge(const std::string& collection, const bson::Array& pipeline) {
  run(Document{{"aggregate", full_name(collection)},
               {"pipeline", in_corner(pipeline)},
               {"cursor", Document{}},
               {"allowDiskUse", true}},
      true);
}

void Mongo::aggregate(const std::string& collection, const bson::Array& pipeline,
                      const std::function<void(bson::View)>& visit) {
  const Collection coll(*this, collection);
  const bson::CDoc c_pipeline(Document{{"pipeline", in_corner(pipeline)}});
  const bson::CDoc opts(Document{{"allowDiskUse", true}});
  const Cursor cursor(
      mongoc_collection_aggregate(coll.get(), MONGOC_QUERY_NONE, c_pipeline.get(), opts.get(), nullptr));
  visit_all(cursor, "reading " + collection, visit);
}

std::int64_t Mongo::count(const std::string& collection, const Document& filter) {
  std::int64_t n = 0;
  aggregate(collection,
            bson::Array{Document{{"$match", filter}},
                        Document{{"$group", Document{{"_id", bson::Null{}}, {"n", Document{{"$sum", 1}}}}}}},
            [&](bson::View view) { n = view.get("n")->integer().value_or(0); });
  return n;
}

std::int64_t Mongo::estimated_count(const std::string& collection) {
  return integer_of(run(Document{{"count", full_name(collection)}}, false), "n");
}

std::set<std::string> Mongo::collection_names() {
  const Client client(*this);
  const std::unique_ptr<mongoc_database_t, void (*)(mongoc_database_t*)> database(
      mongoc_client_get_database(client.get(), database_.c_str()), mongoc_database_destroy);
  const bson::CDoc opts(Document{{"nameOnly", true}});
  const Cursor cursor(mongoc_database_find_collections_with_opts(database.get(), opts.get()));
  std::set<std::string> out;
  visit_all(cursor, "listing collections", [&](bson::View view) {
    const auto name = view.get_string("name");
    if (auto own = name ? own_name(*name) : std::nullopt) out.insert(std::move(*own));
  });
  return out;
}

std::set<std::string> Mongo::index_names(const std::string& collection) {
  const Collection coll(*this, collection);
  const Cursor cursor(mongoc_collection_find_indexes_with_opts(coll.get(), nullptr));
  std::set<std::string> out;
  visit_all(cursor, "listing indexes of " + collection, [&](bson::View view) {
    if (const auto name = view.get_string("name")) out.emplace(*name);
  });
  return out;
}

std::vector<Document> Mongo::unique_indexes(const std::string& collection, const std::string& key) {
  auto out = indexes(collection);
  std::erase_if(out, [&](const Document& index) {
    const auto* keys = index.find("key");
    const auto* unique = index.find("unique");
    return !keys || !keys->as<Document>() || !keys->as<Document>()->has(key) || !unique || !unique->truthy();
  });
  return out;
}

void Mongo::drop_unique_indexes(const std::string& collection, const std::string& key) {
  for (const auto& index : unique_indexes(collection, key)) {
    run(Document{{"dropIndexes", full_name(collection)}, {"index", *index.find("name")}}, true);
  }
}

void Mongo::drop_index(const std::string& collection, const std::string& name) {
  if (!index_names(collection).contains(name)) return;
  run(Document{{"dropIndexes", full_name(collection)}, {"index", name}}, true);
}

void Mongo::drop(const std::string& collection) { run(Document{{"drop", full_name(collection)}}, true); }

std::vector<CollectionInfo> Mongo::collections() {
  const Client client(*this);
  const std::unique_ptr<mongoc_database_t, void (*)(mongoc_database_t*)> database(
      mongoc_client_get_database(client.get(), database_.c_str()), mongoc_database_destroy);
  const Cursor cursor(mongoc_database_find_collections_with_opts(database.get(), nullptr));
  std::vector<CollectionInfo> out;
  visit_all(cursor, "listing collections", [&](const bson::View& view) {
    const auto document = view.decode();
    CollectionInfo info;
    const auto own = own_name(view.get_string("name").value_or(""));
    if (!own) return;
    info.name = *own;
    info.type = view.get_string("type").value_or("collection");
    if (const auto* options = document.find("options"); options && options->as<Document>()) {
      info.options = *options->as<Document>();
    }
    const auto* uuid = bson::Path("info.uuid").find(document);
    if (uuid && uuid->as<bson::Binary>()) info.uuid = to_hex(uuid->as<bson::Binary>()->data);
    out.push_back(std::move(info));
  });
  return out;
}

std::vector<Document> Mongo::indexes(const std::string& collection) {
  const Collection coll(*this, collection);
  const Cursor cursor(mongoc_collection_find_indexes_with_opts(coll.get(), nullptr));
  std::vector<Document> out;
  visit_all(cursor, "listing indexes of " + collection, [&](const bson::View& view) {
    out.push_back(view.decode());
    out.back().take("ns");  // of servers before 4.4, refused by later ones
  });
  return out;
}

void Mongo::create(const std::string& collection, const Document& options) {
  Document command{{"create", full_name(collection)}};
  for (const auto& [key, value] : options) command.append(key, value);
  run(command, true);
}

void Mongo::create_indexes(const std::string& collection, const std::vector<Document>& indexes) {
  if (indexes.empty()) return;
  bson::Array list;
  for (const auto& index : indexes) list.append(index);
  run(Document{{"createIndexes", full_name(collection)}, {"indexes", std::move(list)}}, true);
}

void Mongo::change_view(const std::string& view, const Document& options) {
  Document command{{"collMod", full_name(view)}};
  for (const auto& [key, value] : options) command.append(key, value);
  run(command, true);
}

void Mongo::rename(const std::string& from, const std::string& to) {
  run(Document{{"renameCollection", database_ + "." + full_name(from)}, {"to", database_ + "." + full_name(to)}}, true,
      "admin");
}

void Mongo::rename_over(const std::string& from, const std::string& to) {
  run(Document{{"renameCollection", database_ + "." + full_name(from)},
               {"to", database_ + "." + full_name(to)},
               {"dropTarget", true}},
      true, "admin");
}

std::optional<ClusterTime> Mongo::cluster_time() {
  const auto reply = run(Document{{"ping", 1}}, false);
  const auto* time = reply.find("operationTime");
  const auto* raw = time ? time->as<bson::Raw>() : nullptr;
  if (!raw || raw->get().value_type != BSON_TYPE_TIMESTAMP) return std::nullopt;
  return ClusterTime{raw->get().value.v_timestamp.timestamp, raw->get().value.v_timestamp.increment};
}

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

Mongo::Size Mongo::estimated_size(const std::string& collection) {
  const auto reply = run(Document{{"dataSize", database_ + "." + full_name(collection)}, {"estimate", true}}, false);
  return {integer_of(reply, "numObjects"), integer_of(reply, "size")};
}

Mongo::Size Mongo::size_of(const std::string& collection, const Document& filter) {
  const Document weight{{"$sum", Document{{"$bsonSize", "$$ROOT"}}}};
  const Document group{{"_id", bson::Null{}}, {"n", Document{{"$sum", 1}}}, {"bytes", weight}};
  Size out;
  aggregate(collection, bson::Array{Document{{"$match", filter}}, Document{{"$group", group}}}, [&](bson::View view) {
    out = {view.get("n")->integer().value_or(0), view.get("bytes")->integer().value_or(0)};
  });
  return out;
}

}  // namespace fm
