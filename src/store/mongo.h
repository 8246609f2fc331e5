// A MongoDB database: the only place that talks to a server about data.
//
// Thread-safe: every call takes a connection of the pool. Writes wait for the
// majority. A server without a replica set keeps its journal in the order of
// the writes, so a power cut leaves a prefix of them, which is what a killed
// program leaves too; waiting for the disk is needed once, at the end of a run
// (remove_durably), and not at every step. Errors are thrown as Error: kUnreachable for lost
// or absent servers, kRights for authentication and authorisation, kFailed for
// the rest, with the server's own words.
#pragma once

#include <mongoc/mongoc.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bson/document.h"
#include "store/fault_point.h"

namespace fm {

// Once per program, before any Mongo; silences the driver's own log.
class MongoDriver {
 public:
  MongoDriver();
  MongoDriver(const MongoDriver&) = delete;
  MongoDriver& operator=(const MongoDriver&) = delete;
  ~MongoDriver();

  // How servers see the connections of this process, and of no other: the end
  // of clientMetadata.driver.name. Of word characters, one space and a hyphen.
  static const std::string& connections();
};

// One update of a bulk: a replacement (or a pipeline) for the one document the
// filter matches.
struct Update {
  Update(bson::Bytes f, bson::Bytes u) : filter(std::move(f)), update(std::move(u)) {}
  Update(const bson::Document& f, const bson::Document& u) : filter(bson::encode(f)), update(bson::encode(u)) {}

  bson::Bytes filter;
  bson::Bytes update;  // a whole document, or update operators
};

struct FindOptions {
  std::optional<bson::Document> projection;
  std::optional<bson::Document> sort;
  std::optional<bson::Document> hint;
  std::optional<bson::Document> min;
  std::int64_t limit = 0;
  std::int64_t skip = 0;
};

// A point in time of a replica set.
struct ClusterTime {
  std::uint32_t seconds = 0;
  std::uint32_t increment = 0;
  bool operator==(const ClusterTime&) const = default;
};

struct CollectionInfo {
  std::string name;
  std::string type;  // "collection", "view", "timeseries"
  bson::Document options;
  std::string uuid;  // hexadecimal; empty for views
};

class Mongo {
 public:
  // `uri` as the driver takes it; a database named in it is not used for data.
  // Connects lazily: call ping() for an early answer.
  Mongo(const std::string& uri, std::string database, const std::string& compressor = "");

  // A corner of the database of `of`: every collection NAME is there PREFIX+NAME,
  // in pipelines too, and nothing else of the database is seen or written.
  // `command` alone goes to the server as it is.
  Mongo(const Mongo& of, std::string prefix);

  const std::string& database() const { return database_; }

  // Called before and after every write, from the thread that writes; what it
  // throws ends the call.
  void at_writes(std::function<void()> hook) { at_writes_ = std::move(hook); }

  // Throws when the server does not answer.
  void ping();
  // "6.0.5"
  std::string server_version();
  // "6.0", or nothing without the right to know.
  std::optional<std::string> feature_compatibility();
  // The reply to a command that only reads, of this database or another one.
  bson::Document command(const bson::Document& command, const std::string& database = "");

  // The view is valid during the call.
  void find(const std::string& collection, const bson::Document& filter, const FindOptions& options,
            const std::function<void(bson::View)>& visit);
  std::optional<bson::Document> find_one(const std::string& collection, const bson::Document& filter,
                                         const FindOptions& options = {});

  // Documents that a unique index keeps out, by their index.
  struct Clashes {
    bool of_id_only;  // others are thrown
    std::vector<std::size_t> at;
  };
  // Unordered. Documents whose _id is there already are returned by their index
  // instead of thrown; what clashes in another unique index is thrown.
  std::vector<std::size_t> insert(const std::string& collection, const std::vector<bson::Document>& docs);
  std::vector<std::size_t> insert(const std::string& collection, const std::vector<bson::Bytes>& docs);
  // The same, for who looks himself: also what clashes in another index is returned.
  std::vector<std::size_t> insert_or_clash(const std::string& collection, const std::vector<bson::Document>& docs);
  // Unordered; how many filters found their document.
  std::int64_t replace(const std::string& collection, const std::vector<Update>& updates);
  std::int64_t update(const std::string& collection, const std::vector<Update>& updates);
  std::int64_t upsert(const std::string& collection, const Update& update);
  std::int64_t remove(const std::string& collection, const std::vector<bson::Value>& ids);

  std::int64_t remove_where(const std::string& collection, const bson::Document& filter);
  // When this returns, it and every write before it survive a power cut.
  void remove_durably(const std::string& collection, const bson::Value& id);

  struct Changed {
    std::int64_t matched = 0;
    std::int64_t modified = 0;
  };
  // One updateMany with a pipeline; `hint` is the _id index.
  Changed update_many(const std::string& collection, const bson::Document& filter, const bson::Array& pipeline,
                      bool hint_id);
  // An aggregation that writes by $merge; may use the server's disk.
  void aggregate_merge(const std::string& collection, const bson::Array& pipeline);
  void aggregate(const std::string& collection, const bson::Array& pipeline,
                 const std::function<void(bson::View)>& visit);

  // A time that all data written so far belong to; nothing on a server without
  // a replica set.
  std::optional<ClusterTime> cluster_time();
  // All documents in natural order, as they stand or as they stood at a time:
  // batches of encoded ones, back to back. Throws Error(kPrecondition) when the
  // server no longer knows that time.
  void read_raw(const std::string& collection, const std::optional<ClusterTime>& at,
                const std::function<void(std::string batch)>& visit);
  // Inserts such a batch in its order, the same bytes. A validator refuses
  // nothing with `bypass_validator`, which takes a right of its own. kLater: does
  // not wait for the journal; the next write that does makes these durable, too.
  enum class Journal { kNow, kLater };
  void insert_raw(const std::string& collection, std::string_view batch, bool bypass_validator,
                  Journal journal = Journal::kNow);

  struct Size {
    std::int64_t documents = 0;
    std::int64_t bytes = 0;
  };
  // From the collection's metadata.
  Size estimated_size(const std::string& collection);
  // Exact, by a pass over what matches.
  Size size_of(const std::string& collection, const bson::Document& filter);

  // Exact, by a pass over what matches.
  std::int64_t count(const std::string& collection, const bson::Document& filter);
  // From the collection's metadata.
  std::int64_t estimated_count(const std::string& collection);

  std::set<std::string> collection_names();
  // Those that are made of other collections: views, and time series.
  std::set<std::string> view_names();
  // With views and system collections.
  std::vector<CollectionInfo> collections();
  // As createIndexes takes them; that of _id is among them.
  std::vector<bson::Document> indexes(const std::string& collection);
  void create(const std::string& collection, const bson::Document& options);
  void create_indexes(const std::string& collection, const std::vector<bson::Document>& indexes);
  // Gives an existing view another definition.
  void change_view(const std::string& view, const bson::Document& options);
  // In one step; Error(kFailed) where there is a collection of that name.
  void rename(const std::string& from, const std::string& to);
  // In one step; a collection of that name gives way.
  void rename_over(const std::string& from, const std::string& to);
  std::set<std::string> index_names(const std::string& collection);
  // Of an index that is not there nothing is said.
  void drop_index(const std::string& collection, const std::string& name);
  // As createIndexes takes them: those that are unique and have that key.
  std::vector<bson::Document> unique_indexes(const std::string& collection, const std::string& key);
  void drop_unique_indexes(const std::string& collection, const std::string& key);
  // Of a collection that is not there nothing is said.
  void drop(const std::string& collection);

 private:
  struct FreeUri {
    void operator()(mongoc_uri_t* uri) const { mongoc_uri_destroy(uri); }
  };
  struct FreeClient {
    void operator()(mongoc_client_t* client) const { mongoc_client_destroy(client); }
  };
  using OwnedClient = std::unique_ptr<mongoc_client_t, FreeClient>;
  class Client;
  class Collection;

  // An error of the server with the code `harmless` is none.
  bson::Document run(const bson::Document& command, bool write, const char* database = nullptr,
                     std::uint32_t harmless = 0);
  bson::Document write(mongoc_bulk_operation_t* bulk, const std::string& doing, Clashes* clashes);
  void insert(const std::string& collection, const std::vector<bson::Bytes>& docs, Clashes& clashes);
  void boundary() const {
    fault_point();
    if (at_writes_) at_writes_();
  }
  void restore_empty_timestamps(const std::string& collection, const std::vector<bson::View>& documents,
                                bool bypass_validator);

  std::set<std::string> names_where(const bson::Document& filter);
  std::string full_name(const std::string& collection) const { return prefix_ + collection; }
  // Nothing for a collection outside the corner.
  std::optional<std::string> own_name(std::string_view collection) const;
  bson::Array in_corner(const bson::Array& pipeline) const;

  std::string database_;
  std::string prefix_;
  std::function<void()> at_writes_;
  std::unique_ptr<mongoc_uri_t, FreeUri> uri_;
  // Clients without a monitoring thread: the driver's own pool keeps one, and
  // closing it takes half a second.
  std::mutex mutex_;
  std::vector<OwnedClient> idle_;
};

}  // namespace fm
