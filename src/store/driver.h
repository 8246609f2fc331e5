// For the files of this class alone: what they share over the C driver.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/error.h"
#include "store/mongo.h"

namespace fm {

// What a server says of a document that a unique index keeps out.
inline constexpr std::int32_t kDuplicateKey = 11000;

inline bson::Document write_concern() { return {{"w", "majority"}}; }
inline bson::Document durable_write_concern() { return {{"w", "majority"}, {"j", true}}; }

// An error of the driver as one of ours, once for all.
[[noreturn]] void fail(const bson_error_t& error, const std::string& doing);
// For a URI of which no connection can be made: a name that is not found, TLS
// without what it needs.
[[noreturn]] void fail_to_begin(const bson_error_t& error);
// Throws for what went wrong within a reply that the driver calls a success.
void check_reply(const bson::Document& reply, const std::string& doing);
// 0 where there is none.
std::int64_t integer_of(const bson::Document& reply, const char* key);

struct FreeCursor {
  void operator()(mongoc_cursor_t* cursor) const { mongoc_cursor_destroy(cursor); }
};

struct FreeBulk {
  void operator()(mongoc_bulk_operation_t* bulk) const { mongoc_bulk_operation_destroy(bulk); }
};

struct FreeCollection {
  void operator()(mongoc_collection_t* collection) const { mongoc_collection_destroy(collection); }
};
using Cursor = std::unique_ptr<mongoc_cursor_t, FreeCursor>;
using Bulk = std::unique_ptr<mongoc_bulk_operation_t, FreeBulk>;

void visit_all(const Cursor& cursor, const std::string& doing, const std::function<void(bson::View)>& visit);

// A connection, for as long as it lives.
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
    bson_error_t error;
    client_.reset(mongoc_client_new_from_uri_with_error(mongo_.uri_.get(), &error));
    if (!client_) fail_to_begin(error);
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
    const bson::CDoc opts(bson::Document{{"ordered", false}, {"writeConcern", write_concern()}});
    return Bulk(mongoc_collection_create_bulk_operation_with_opts(collection_.get(), opts.get()));
  }

 private:
  Client client_;
  std::unique_ptr<mongoc_collection_t, FreeCollection> collection_;
};

}  // namespace fm
