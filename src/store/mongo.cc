#include "store/mongo.h"

#include <cstdlib>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "bson/path.h"

namespace fm {

using bson::Document;
using bson::Value;

namespace {

constexpr std::int32_t kUnauthorized = 13;
constexpr std::int32_t kAuthenticationFailed = 18;
constexpr std::int32_t kDuplicateKey = 11000;
constexpr std::int32_t kSelectionTimeoutMs = 10000;

Document write_concern() { return {{"w", "majority"}}; }
Document durable_write_concern() { return {{"w", "majority"}, {"j", true}}; }

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
                  "Check that the server of the database URI is up and can be reached from here.", "ConnectionError");
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
    // What follows is the command with all it carries.
    throw Error(Exit::kRights, what.substr(0, what.find(" to execute command {")),
                "The user of the database URI needs the role readWrite on this database.");
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
    bson_set_error(&error, MONGOC_ERROR_SERVER, static_cast<std::uint32_t>(code ? code->integer().value_or(0) : 0), "%s",
                   text ? text->c_str() : "unknown error");
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
        collection_(mongoc_client_get_collection(client_.get(), mongo.database_.c_str(), name.c_str())) {}
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
    throw Error(Exit::kUsage, "The database URI '" + mask_uri(uri) + "' is not valid: " + error.message,
                "A URI looks like mongodb://user:password@host:27017/?authSource=admin", "ConnectionError");
  }
  if (!mongoc_uri_has_option(uri_.get(), MONGOC_URI_SERVERSELECTIONTIMEOUTMS)) {
    mongoc_uri_set_option_as_int32(uri_.get(), MONGOC_URI_SERVERSELECTIONTIMEOUTMS, kSelectionTimeoutMs);
  }
  if (!compressor.empty()) mongoc_uri_set_compressors(uri_.get(), compressor.c_str());
  // One failed look at the servers is not final: an election takes longer.
  mongoc_uri_set_option_as_bool(uri_.get(), MONGOC_URI_SERVERSELECTIONTRYONCE, false);
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
  const bool ok = write ? mongoc_client_write_command_with_opts(client.get(), target, c_command.get(), opts.get(),
                                                                reply.out(), &error)
                        : mongoc_client_read_command_with_opts(client.get(), target, c_command.get(), nullptr,
                                                               opts.get(), reply.out(), &error);
  auto result = Document::decode(reply.get());
  if (!ok) fail(error, doing);
  check_reply(result, doing);
  return result;
}

void Mongo::remove_durably(const std::string& collection, const Value& id) {
  const Document one{{"q", Document{{"_id", id}}}, {"limit", 1}};
  run(Document{{"delete", collection}, {"deletes", bson::Array{one}}, {"writeConcern", durable_write_concern()}},
      false);
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

Document execute(const Bulk& bulk, const std::string& doing, std::vector<std::size_t>* duplicates) {
  bson_t c_reply;
  bson_error_t error;
  const bool ok = mongoc_bulk_operation_execute(bulk.get(), &c_reply, &error) != 0;
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

std::vector<std::size_t> Mongo::insert(const std::string& collection, const std::vector<Document>& docs) {
  std::vector<std::size_t> duplicates;
  if (docs.empty()) return duplicates;
  const Collection coll(*this, collection);
  const Bulk bulk = coll.bulk();
  bson_error_t error;
  const std::string doing = "inserting into " + collection;
  for (const auto& doc : docs) {
    const bson::CDoc c_doc(doc);
    const bson::CDoc opts(Document{{"validate", false}});
    if (!mongoc_bulk_operation_insert_with_opts(bulk.get(), c_doc.get(), opts.get(), &error)) fail(error, doing);
  }
  execute(bulk, doing, &duplicates);
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
  return integer_of(execute(bulk, doing, nullptr), "nMatched");
}

std::int64_t Mongo::update(const std::string& collection, const std::vector<Update>& updates) {
  if (updates.empty()) return 0;
  const Collection coll(*this, collection);
  const Bulk bulk = coll.bulk();
  bson_error_t error;
  const std::string doing = "writing to " + collection;
  for (const auto& update : updates) {
    const bson::View filter(update.filter);
    const bson::View doc(update.update);
    if (!mongoc_bulk_operation_update_one_with_opts(bulk.get(), filter.c(), doc.c(), nullptr, &error)) {
      fail(error, doing);
    }
  }
  return integer_of(execute(bulk, doing, nullptr), "nMatched");
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
  const auto reply = execute(bulk, doing, nullptr);
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
  return integer_of(execute(bulk, doing, nullptr), "nRemoved");
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
  const bson::CDoc opts(hint_id ? Document{{"hint", Document{{"_id", 1}}}} : Document{});
  if (!mongoc_bulk_operation_update_many_with_opts(bulk.get(), c_filter.get(), c_pipeline.get(), opts.get(), &error)) {
    fail(error, doing);
  }
  const auto reply = execute(bulk, doing, nullptr);
  return {integer_of(reply, "nMatched"), integer_of(reply, "nModified")};
}

void Mongo::aggregate_merge(const std::string& collection, const bson::Array& pipeline) {
  run(Document{{"aggregate", collection},
               {"pipeline", pipeline},
               {"cursor", Document{}},
               {"allowDiskUse", true}},
      true);
}

void Mongo::aggregate(const std::string& collection, const bson::Array& pipeline,
                      const std::function<void(bson::View)>& visit) {
  const Collection coll(*this, collection);
  const bson::CDoc c_pipeline(Document{{"pipeline", pipeline}});
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
  return integer_of(run(Document{{"count", collection}}, false), "n");
}

std::set<std::string> Mongo::collection_names() {
  const Client client(*this);
  const std::unique_ptr<mongoc_database_t, void (*)(mongoc_database_t*)> database(
      mongoc_client_get_database(client.get(), database_.c_str()), mongoc_database_destroy);
  const bson::CDoc opts(Document{{"nameOnly", true}});
  const Cursor cursor(mongoc_database_find_collections_with_opts(database.get(), opts.get()));
  std::set<std::string> out;
  visit_all(cursor, "listing collections", [&](bson::View view) {
    if (const auto name = view.get_string("name")) out.emplace(*name);
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

void Mongo::drop_unique_indexes(const std::string& collection, const std::string& key) {
  std::vector<std::string> names;
  {
    const Collection coll(*this, collection);
    const Cursor cursor(mongoc_collection_find_indexes_with_opts(coll.get(), nullptr));
    visit_all(cursor, "listing indexes of " + collection, [&](bson::View view) {
      const auto index = view.decode();
      const auto* keys = index.find("key");
      const auto* unique = index.find("unique");
      const auto* name = index.find("name");
      if (keys && keys->as<Document>() && keys->as<Document>()->has(key) && unique && unique->truthy() && name) {
        names.push_back(*name->as<std::string>());
      }
    });
  }
  for (const auto& name : names) run(Document{{"dropIndexes", collection}, {"index", name}}, true);
}

void Mongo::drop(const std::string& collection) {
  run(Document{{"drop", collection}}, true);
}

}  // namespace fm
