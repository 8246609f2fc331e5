#include "store/mongo.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/machine.h"
#include "base/text.h"
#include "bson/path.h"
#include "store/driver.h"

namespace fm {

using bson::Document;
using bson::Value;

namespace {

constexpr std::int32_t kSelectionTimeoutMs = 10000;

constexpr std::size_t kLargestCertificates = std::size_t{16} << 20;
constexpr const char* kUriForm =
    "A URI looks like mongodb://user:password@host:27017/?authSource=admin; in the password %40 stands for @, %3A for "
    ":, %2F for /, %25 for %.";

// Mechanisms that take a user, and who it is from elsewhere.
constexpr std::string_view kWithoutPassword[] = {"MONGODB-X509", "MONGODB-AWS", "GSSAPI"};

// The driver quotes what it could not read: what mask_uri() hides stays hidden.
std::string without_secrets(std::string_view message, const std::string& uri, const std::string& shown) {
  if (message.starts_with("Password ")) return "its password has to be percent-encoded";
  std::string out;
  while (true) {
    const auto end = message.find_first_of("\"'");
    const auto piece = message.substr(0, end);
    const bool secret = uri.find(piece) != std::string::npos && shown.find(piece) == std::string::npos;
    out += secret ? "***" : piece;
    if (end == std::string_view::npos) return out;
    out += message[end];
    message.remove_prefix(end + 1);
  }
}

// The driver crashes over a password that it has not got.
void require_password(const mongoc_uri_t* uri) {
  const char* user = mongoc_uri_get_username(uri);
  const char* password = mongoc_uri_get_password(uri);
  const char* mechanism = mongoc_uri_get_auth_mechanism(uri);
  if (!user || !*user || (password && *password)) return;
  for (const auto one : kWithoutPassword) {
    if (mechanism && mechanism == one) return;
  }
  throw Error(Exit::kUsage, std::string("The database URI names the user '") + user + "' and no password", kUriForm,
              "ConnectionError");
}

// The driver takes a file that is not there, or is none, for a failed connection.
void check_tls_files(const mongoc_uri_t* uri) {
  const std::pair<const char*, const char*> options[] = {{MONGOC_URI_TLSCAFILE, "tlsCAFile"},
                                                         {MONGOC_URI_TLSCERTIFICATEKEYFILE, "tlsCertificateKeyFile"}};
  for (const auto& [option, name] : options) {
    const char* path = mongoc_uri_get_option_as_utf8(uri, option, nullptr);
    if (!path) continue;
    if (access(path, R_OK) == 0) {
      if (read_file(path, kLargestCertificates).find("-----BEGIN ") != std::string::npos) continue;
      throw Error(Exit::kUsage,
                  std::string("The file '") + path + "' of " + name + " in the database URI holds no certificate",
                  "It has to be in PEM format: -----BEGIN CERTIFICATE-----");
    }
    throw Error(Exit::kUsage, std::string("The file '") + path + "' of " + name +
                                  " in the database URI cannot be read: " + std::strerror(errno));
  }
}

}  // namespace

MongoDriver::MongoDriver() {
  // Made when the driver was loaded: counters that outlive a killed process, of
  // which a later one of the same number would speak on stderr.
  shm_unlink(("/mongoc-" + std::to_string(getpid())).c_str());
  mongoc_log_set_handler([](mongoc_log_level_t, const char*, const char*, void*) {}, nullptr);
  mongoc_init();
  mongoc_handshake_data_append(connections().c_str(), nullptr, nullptr);
}

const std::string& MongoDriver::connections() {
  static const std::string kName = "fiftyone-migrator " + to_hex(std::string_view(random_bytes(8)));
  return kName;
}

MongoDriver::~MongoDriver() { mongoc_cleanup(); }

Mongo::Mongo(const std::string& uri, std::string database, const std::string& compressor)
    : database_(std::move(database)) {
  bson_error_t error;
  uri_.reset(mongoc_uri_new_with_error(uri.c_str(), &error));
  if (!uri_) {
    // What has no scheme may be a password alone.
    const auto shown = uri.find("://") == std::string::npos ? "***" : mask_uri(uri);
    throw Error(Exit::kUsage,
                "The database URI '" + shown + "' is not valid: " + without_secrets(error.message, uri, shown),
                kUriForm, "ConnectionError");
  }
  require_password(uri_.get());
  check_tls_files(uri_.get());
  // Unless it is given, the driver waits five minutes; building an index may take
  // hours. Where the server's host is gone, TCP ends the connection (docs/configuration.md).
  if (mongoc_uri_get_option_as_int32(uri_.get(), MONGOC_URI_SOCKETTIMEOUTMS, 0) == 0) {
    mongoc_uri_set_option_as_int32(uri_.get(), MONGOC_URI_SOCKETTIMEOUTMS, std::numeric_limits<std::int32_t>::max());
  }
  if (!mongoc_uri_has_option(uri_.get(), MONGOC_URI_SERVERSELECTIONTIMEOUTMS)) {
    mongoc_uri_set_option_as_int32(uri_.get(), MONGOC_URI_SERVERSELECTIONTIMEOUTMS, kSelectionTimeoutMs);
  }
  // A member that lags behind would show a journal or a version of before.
  const std::unique_ptr<mongoc_read_prefs_t, decltype(&mongoc_read_prefs_destroy)> primary(
      mongoc_read_prefs_new(MONGOC_READ_PRIMARY), mongoc_read_prefs_destroy);
  mongoc_uri_set_read_prefs_t(uri_.get(), primary.get());
  const std::unique_ptr<mongoc_read_concern_t, decltype(&mongoc_read_concern_destroy)> none(
      mongoc_read_concern_new(), mongoc_read_concern_destroy);
  mongoc_uri_set_read_concern(uri_.get(), none.get());
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

Document Mongo::run(const Document& command, bool write, const char* database, std::uint32_t harmless) {
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
    const bool counts = harmless == 0 || error.domain != MONGOC_ERROR_SERVER || error.code != harmless;
    if (counts) fail(error, doing);
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

std::optional<ClusterTime> Mongo::cluster_time() {
  const auto reply = run(Document{{"ping", 1}}, false);
  const auto* time = reply.find("operationTime");
  const auto* raw = time ? time->as<bson::Raw>() : nullptr;
  if (!raw || raw->get().value_type != BSON_TYPE_TIMESTAMP) return std::nullopt;
  return ClusterTime{raw->get().value.v_timestamp.timestamp, raw->get().value.v_timestamp.increment};
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
