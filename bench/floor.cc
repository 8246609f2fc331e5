// The floor of the benchmarks: the least that the bare C driver can do for the
// same change, without knowing anything of revisions.
//
//   bench-floor replace     --uri U --db DB --after DB2 --coll NAME... [--prefix P]... [--guard] [--journal]
//   bench-floor update-many --uri U --db DB --coll NAME --kind created|polylines [--journal]
//   bench-floor info        --uri U --db DB
//   bench-floor dump        --uri U --db DB --dir DIR [--coll NAME...]
//   bench-floor load        --uri U --db DB --dir DIR [--after DB2]
//   bench-floor insert      --uri U --db DB --after DB2 --coll NAME... [--journal]
//
// replace: reads every document of the collections and replaces it by the
// document of the same _id in DB2; those were loaded before the clock started.
// --guard: each only if it is still as it was read, which is what any tool has to
// do that must not overwrite what others write meanwhile.
// update-many: one updateMany over the whole collection. info: what --info has
// to read. dump, load: all documents of all collections, or of those named, into
// files, flushed to the disk, and out of them. insert: puts the documents of DB2,
// loaded before, into DB. insert and load then make, with a time of its own
// ("indexed_seconds"), the indexes that the collections have in DB2. The clock runs
// from the first byte to the server to the last reply, connecting included. Prints
// one line of JSON.

#include <fcntl.h>
#include <mongoc/mongoc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

template <auto F>
struct Deleter {
  template <class T>
  void operator()(T* p) const {
    F(p);
  }
};
template <class T, auto F>
using Owned = std::unique_ptr<T, Deleter<F>>;

using Uri = Owned<mongoc_uri_t, mongoc_uri_destroy>;
using Client = Owned<mongoc_client_t, mongoc_client_destroy>;
using Collection = Owned<mongoc_collection_t, mongoc_collection_destroy>;
using Database = Owned<mongoc_database_t, mongoc_database_destroy>;
using Cursor = Owned<mongoc_cursor_t, mongoc_cursor_destroy>;
using Bulk = Owned<mongoc_bulk_operation_t, mongoc_bulk_operation_destroy>;

// No unique_ptr: bson_t is over-aligned, which a template argument forgets.
class Bson {
 public:
  explicit Bson(bson_t* p) : p_(p) {}
  Bson(Bson&& other) noexcept : p_(std::exchange(other.p_, nullptr)) {}
  Bson& operator=(Bson&&) = delete;
  ~Bson() {
    if (p_ != nullptr) bson_destroy(p_);
  }
  bson_t* get() const { return p_; }

 private:
  bson_t* p_;
};

// What a call writes its reply into; the call initialises it.
struct Reply {
  bson_t doc = BSON_INITIALIZER;
  Reply() = default;
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;
  ~Reply() { bson_destroy(&doc); }
};

[[noreturn]] void fail(std::string_view what, const bson_error_t& e) {
  throw std::runtime_error(std::string(what) + ": " + e.message);
}

struct Request {
  std::string mode, uri, db, after, kind, dir;
  std::vector<std::string> collections, prefixes;
  bool journal = false;
  bool guard = false;
};

Client connect(const Request& r) {
  bson_error_t error;
  Uri uri(mongoc_uri_new_with_error(r.uri.c_str(), &error));
  if (!uri) fail("uri", error);
  // One updateMany over a million documents is silent for longer than the
  // driver's usual five minutes on a slow machine.
  mongoc_uri_set_option_as_int32(uri.get(), MONGOC_URI_SOCKETTIMEOUTMS, 3'600'000);
  // The other contenders write with whatever the server's default is; so does
  // the floor unless it is asked to wait for the journal.
  if (r.journal) mongoc_uri_set_option_as_bool(uri.get(), MONGOC_URI_JOURNAL, true);
  Client client(mongoc_client_new_from_uri_with_error(uri.get(), &error));
  if (!client) fail("connect", error);
  mongoc_client_set_error_api(client.get(), MONGOC_ERROR_API_VERSION_2);
  return client;
}

// Documents one behind the other in one block: no allocation for each.
struct Arena {
  std::string name;
  std::vector<std::uint8_t> bytes;
  std::vector<std::pair<std::size_t, std::size_t>> spans;

  void add(const bson_t* doc) {
    const std::uint8_t* p = bson_get_data(doc);
    spans.emplace_back(bytes.size(), doc->len);
    bytes.insert(bytes.end(), p, p + doc->len);
  }
  void view(std::size_t i, bson_t* out) const {
    if (!bson_init_static(out, bytes.data() + spans[i].first, spans[i].second)) {
      throw std::runtime_error("a damaged document in " + name);
    }
  }
};

// {_id, $jsonSchema: {enum: [<as read>]}}: of the conditions that say this the one
// that the server tests fastest.
void append_guard(bson_t* selector, const bson_t* read) {
  bson_t schema;
  bson_t list;
  BSON_APPEND_DOCUMENT_BEGIN(selector, "$jsonSchema", &schema);
  BSON_APPEND_ARRAY_BEGIN(&schema, "enum", &list);
  BSON_APPEND_DOCUMENT(&list, "0", read);
  bson_append_array_end(&schema, &list);
  bson_append_document_end(selector, &schema);
}

std::string id_of(const bson_t* doc) {
  bson_iter_t it;
  if (!bson_iter_init_find(&it, doc, "_id") || !BSON_ITER_HOLDS_OID(&it))
    throw std::runtime_error("an _id that is no ObjectId");
  return {reinterpret_cast<const char*>(bson_iter_oid(&it)->bytes), 12};
}

void finish(mongoc_cursor_t* cursor) {
  bson_error_t error;
  if (mongoc_cursor_error(cursor, &error)) fail("cursor", error);
}

std::vector<std::string> names_of(const Request& r, mongoc_client_t* client) {
  std::vector<std::string> out = r.collections;
  if (r.prefixes.empty()) return out;
  Database db(mongoc_client_get_database(client, r.after.c_str()));
  bson_error_t error;
  char** names = mongoc_database_get_collection_names_with_opts(db.get(), nullptr, &error);
  if (names == nullptr) fail("collections", error);
  for (char** n = names; *n != nullptr; ++n) {
    for (const std::string& p : r.prefixes) {
      if (std::strncmp(*n, p.c_str(), p.size()) == 0) out.emplace_back(*n);
    }
  }
  bson_strfreev(names);
  return out;
}

std::vector<Arena> load_after(const Request& r) {
  Client client = connect(r);
  std::vector<Arena> out;
  Bson all(bson_new());
  for (const std::string& name : names_of(r, client.get())) {
    Arena a;
    a.name = name;
    Collection coll(mongoc_client_get_collection(client.get(), r.after.c_str(), name.c_str()));
    Cursor cursor(mongoc_collection_find_with_opts(coll.get(), all.get(), nullptr, nullptr));
    const bson_t* doc = nullptr;
    while (mongoc_cursor_next(cursor.get(), &doc)) {
      a.add(doc);
    }
    finish(cursor.get());
    out.push_back(std::move(a));
  }
  return out;
}

struct Result {
  double seconds = 0;
  double indexed_seconds = 0;  // insert, load: with the indexes
  std::int64_t read = 0, bytes = 0, written = 0;
};

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::int64_t number(const bson_t* doc, const char* key) {
  bson_iter_t it;
  return bson_iter_init_find(&it, doc, key) ? bson_iter_as_int64(&it) : 0;
}

Result replace(const Request& r) {
  const std::vector<Arena> after = load_after(r);
  Bson all(bson_new());
  Bson unordered(BCON_NEW("ordered", BCON_BOOL(false)));
  Result result;
  bson_error_t error;

  const auto start = Clock::now();
  Client client = connect(r);
  for (const Arena& a : after) {
    Collection coll(mongoc_client_get_collection(client.get(), r.db.c_str(), a.name.c_str()));
    Cursor cursor(mongoc_collection_find_with_opts(coll.get(), all.get(), nullptr, nullptr));
    const bson_t* doc = nullptr;
    Arena read;
    std::unordered_map<std::string, std::size_t> places;
    while (mongoc_cursor_next(cursor.get(), &doc)) {
      ++result.read;
      result.bytes += doc->len;
      if (!r.guard) continue;
      places.emplace(id_of(doc), read.spans.size());
      read.add(doc);
    }
    finish(cursor.get());

    // One bulk of at most 1,000 documents at a time, as a program that keeps
    // its memory flat would do it.
    for (std::size_t first = 0; first < a.spans.size(); first += 1000) {
      Bulk bulk(mongoc_collection_create_bulk_operation_with_opts(coll.get(), unordered.get()));
      const std::size_t last = std::min(first + 1000, a.spans.size());
      for (std::size_t i = first; i < last; ++i) {
        bson_t value;
        bson_iter_t id;
        a.view(i, &value);
        if (!bson_iter_init_find(&id, &value, "_id")) throw std::runtime_error("a document without _id in " + a.name);
        bson_t selector = BSON_INITIALIZER;
        bson_append_iter(&selector, "_id", 3, &id);
        if (r.guard) {
          bson_t before;
          read.view(places.at(id_of(&value)), &before);
          append_guard(&selector, &before);
        }
        const bool ok = mongoc_bulk_operation_replace_one_with_opts(bulk.get(), &selector, &value, nullptr, &error);
        bson_destroy(&selector);
        if (!ok) fail("replace", error);
      }
      Reply reply;
      if (mongoc_bulk_operation_execute(bulk.get(), &reply.doc, &error) == 0) fail("bulk", error);
      result.written += number(&reply.doc, "nMatched");
    }
  }
  result.seconds = since(start);
  return result;
}

// createIndexes with those of a collection but for that of _id; null without any.
Bson indexing(mongoc_collection_t* like) {
  Bson command(bson_new());
  bson_t list;
  BSON_APPEND_UTF8(command.get(), "createIndexes", mongoc_collection_get_name(like));
  BSON_APPEND_ARRAY_BEGIN(command.get(), "indexes", &list);
  Cursor cursor(mongoc_collection_find_indexes_with_opts(like, nullptr));
  const bson_t* index = nullptr;
  std::uint32_t n = 0;
  while (mongoc_cursor_next(cursor.get(), &index)) {
    bson_iter_t name;
    if (bson_iter_init_find(&name, index, "name") && std::string_view(bson_iter_utf8(&name, nullptr)) == "_id_")
      continue;
    BSON_APPEND_DOCUMENT(&list, std::to_string(n).c_str(), index);
    ++n;
  }
  finish(cursor.get());
  bson_append_array_end(command.get(), &list);
  return n > 0 ? std::move(command) : Bson(nullptr);
}

// What makes the indexes that these collections have in DB2.
std::vector<Bson> indexes_of(const Request& r, const std::vector<std::string>& names) {
  std::vector<Bson> out;
  Client client = connect(r);
  for (const std::string& name : names) {
    Collection like(mongoc_client_get_collection(client.get(), r.after.c_str(), name.c_str()));
    Bson command = indexing(like.get());
    if (command.get()) out.push_back(std::move(command));
  }
  return out;
}

void make_indexes(const Request& r, mongoc_client_t* client, const std::vector<Bson>& indexes) {
  bson_error_t error;
  for (const Bson& command : indexes) {
    Reply reply;
    if (!mongoc_client_write_command_with_opts(client, r.db.c_str(), command.get(), nullptr, &reply.doc, &error)) {
      fail("indexes", error);
    }
  }
}

Result insert(const Request& r) {
  const std::vector<Arena> after = load_after(r);
  std::vector<std::string> names;
  for (const Arena& a : after) names.push_back(a.name);
  const auto indexes = indexes_of(r, names);
  Bson unordered(BCON_NEW("ordered", BCON_BOOL(false)));
  Result result;
  bson_error_t error;

  const auto start = Clock::now();
  Client client = connect(r);
  for (const Arena& a : after) {
    Collection coll(mongoc_client_get_collection(client.get(), r.db.c_str(), a.name.c_str()));
    for (std::size_t first = 0; first < a.spans.size(); first += 1000) {
      const std::size_t last = std::min(first + 1000, a.spans.size());
      Bulk bulk(mongoc_collection_create_bulk_operation_with_opts(coll.get(), unordered.get()));
      for (std::size_t i = first; i < last; ++i) {
        bson_t value;
        a.view(i, &value);
        if (!mongoc_bulk_operation_insert_with_opts(bulk.get(), &value, nullptr, &error)) fail("insert", error);
      }
      Reply reply;
      if (mongoc_bulk_operation_execute(bulk.get(), &reply.doc, &error) == 0) fail("bulk", error);
      result.written += number(&reply.doc, "nInserted");
    }
    result.bytes += static_cast<std::int64_t>(a.bytes.size());
  }
  result.seconds = since(start);
  make_indexes(r, client.get(), indexes);
  result.indexed_seconds = since(start);
  return result;
}

// Wraps the points of every top-level polyline into a list of shapes.
constexpr const char* kPolylines = R"([
  {"$replaceWith": {"$arrayToObject": {"$map": {
    "input": {"$objectToArray": "$$ROOT"}, "as": "f",
    "in": {"k": "$$f.k", "v": {"$switch": {
      "branches": [
        {"case": {"$and": [{"$eq": [{"$type": "$$f.v"}, "object"]},
                           {"$eq": ["$$f.v._cls", "Polyline"]},
                           {"$ne": [{"$type": "$$f.v.points"}, "missing"]}]},
         "then": {"$mergeObjects": ["$$f.v", {"points": ["$$f.v.points"]}]}},
        {"case": {"$and": [{"$eq": [{"$type": "$$f.v"}, "object"]},
                           {"$eq": ["$$f.v._cls", "Polylines"]},
                           {"$isArray": "$$f.v.polylines"}]},
         "then": {"$mergeObjects": ["$$f.v", {"polylines": {"$map": {
           "input": "$$f.v.polylines", "as": "p",
           "in": {"$cond": [{"$ne": [{"$type": "$$p.points"}, "missing"]},
                            {"$mergeObjects": ["$$p", {"points": ["$$p.points"]}]}, "$$p"]}}}}]}}],
      "default": "$$f.v"}}}}}}}
])";

Bson pipeline(const std::string& kind) {
  bson_error_t error;
  std::string json;
  if (kind == "created") {
    const auto now =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    json = R"([{"$set": {"created_at": {"$toDate": "$_id"}, "last_modified_at": {"$date": {"$numberLong": ")" +
           std::to_string(now) + R"("}}}}])";
  } else if (kind == "polylines") {
    json = kPolylines;
  } else {
    throw std::runtime_error("unknown kind " + kind);
  }
  Bson out(bson_new_from_json(reinterpret_cast<const std::uint8_t*>(json.data()), static_cast<ssize_t>(json.size()),
                              &error));
  if (out.get() == nullptr) fail("pipeline", error);
  return out;
}

Result update_many(const Request& r) {
  if (r.collections.size() != 1) throw std::runtime_error("update-many takes one --coll");
  const Bson stages = pipeline(r.kind);
  Bson command(bson_new());
  bson_t updates, update, q;
  BSON_APPEND_UTF8(command.get(), "update", r.collections[0].c_str());
  BSON_APPEND_ARRAY_BEGIN(command.get(), "updates", &updates);
  BSON_APPEND_DOCUMENT_BEGIN(&updates, "0", &update);
  BSON_APPEND_DOCUMENT_BEGIN(&update, "q", &q);
  bson_append_document_end(&update, &q);
  BSON_APPEND_ARRAY(&update, "u", stages.get());
  BSON_APPEND_BOOL(&update, "multi", true);
  bson_append_document_end(&updates, &update);
  bson_append_array_end(command.get(), &updates);

  Result result;
  bson_error_t error;
  const auto start = Clock::now();
  Client client = connect(r);
  Reply reply;
  if (!mongoc_client_write_command_with_opts(client.get(), r.db.c_str(), command.get(), nullptr, &reply.doc, &error)) {
    fail("update", error);
  }
  result.seconds = since(start);
  // the driver calls a reply with write errors a success
  if (bson_has_field(&reply.doc, "writeErrors")) {
    char* text = bson_as_relaxed_extended_json(&reply.doc, nullptr);
    const std::string message = text;
    bson_free(text);
    throw std::runtime_error(message);
  }
  result.read = number(&reply.doc, "n");
  result.written = number(&reply.doc, "nModified");
  return result;
}

Result info(const Request& r) {
  Bson filter(BCON_NEW("name", "{", "$exists", BCON_BOOL(true), "}"));
  Bson opts(BCON_NEW("projection", "{", "name", BCON_INT32(1), "version", BCON_INT32(1), "}"));
  Bson all(bson_new());
  Result result;
  const auto start = Clock::now();
  Client client = connect(r);
  struct Query {
    const char* coll;
    const bson_t *filter, *opts;
  };
  for (const Query& query : {Query{"config", all.get(), nullptr}, Query{"datasets", filter.get(), opts.get()}}) {
    Collection coll(mongoc_client_get_collection(client.get(), r.db.c_str(), query.coll));
    Cursor cursor(mongoc_collection_find_with_opts(coll.get(), query.filter, query.opts, nullptr));
    const bson_t* doc = nullptr;
    while (mongoc_cursor_next(cursor.get(), &doc)) {
      ++result.read;
      result.bytes += doc->len;
    }
    finish(cursor.get());
  }
  result.seconds = since(start);
  return result;
}

Result dump(const Request& r) {
  Bson all(bson_new());
  Result result;
  const auto start = Clock::now();
  Client client = connect(r);
  Request every = r;
  every.after = r.db;
  if (r.collections.empty()) every.prefixes = {""};
  for (const std::string& name : names_of(every, client.get())) {
    std::ofstream out(r.dir + "/" + name + ".bson", std::ios::binary);
    Collection coll(mongoc_client_get_collection(client.get(), r.db.c_str(), name.c_str()));
    Cursor cursor(mongoc_collection_find_with_opts(coll.get(), all.get(), nullptr, nullptr));
    const bson_t* doc = nullptr;
    while (mongoc_cursor_next(cursor.get(), &doc)) {
      out.write(reinterpret_cast<const char*>(bson_get_data(doc)), doc->len);
      ++result.read;
      result.bytes += doc->len;
    }
    finish(cursor.get());
    if (!out.flush()) throw std::runtime_error("cannot write to " + r.dir);
    const int file = ::open((r.dir + "/" + name + ".bson").c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0 || ::fsync(file) != 0) throw std::runtime_error("cannot flush " + name);
    ::close(file);
  }
  result.seconds = since(start);
  return result;
}

Result load(const Request& r) {
  constexpr std::size_t kBulk = 1000;
  Result result;
  bson_error_t error;
  std::vector<std::filesystem::path> files;
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(r.dir)) {
    files.push_back(file.path());
    names.push_back(file.path().stem());
  }
  const auto indexes = r.after.empty() ? std::vector<Bson>() : indexes_of(r, names);
  const auto start = Clock::now();
  Client client = connect(r);
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    Collection coll(mongoc_client_get_collection(client.get(), r.db.c_str(), file.stem().c_str()));
    std::vector<std::uint8_t> bytes;
    for (bool more = true; more;) {
      Bulk bulk(mongoc_collection_create_bulk_operation_with_opts(coll.get(), nullptr));
      std::size_t n = 0;
      for (; n < kBulk; ++n) {
        std::uint32_t length = 0;
        if (!in.read(reinterpret_cast<char*>(&length), sizeof length)) break;
        length = BSON_UINT32_FROM_LE(length);
        bytes.resize(length);
        std::memcpy(bytes.data(), &length, sizeof length);
        bson_t doc;
        const auto rest = static_cast<std::streamsize>(length - sizeof length);
        if (!in.read(reinterpret_cast<char*>(bytes.data()) + sizeof length, rest) ||
            !bson_init_static(&doc, bytes.data(), length)) {
          throw std::runtime_error("cut off: " + file.string());
        }
        if (!mongoc_bulk_operation_insert_with_opts(bulk.get(), &doc, nullptr, &error)) fail("insert", error);
        result.bytes += length;
      }
      more = n == kBulk;
      if (n == 0) break;
      Reply reply;
      if (mongoc_bulk_operation_execute(bulk.get(), &reply.doc, &error) == 0) fail("bulk", error);
      result.written += number(&reply.doc, "nInserted");
    }
  }
  result.seconds = since(start);
  make_indexes(r, client.get(), indexes);
  result.indexed_seconds = since(start);
  return result;
}

Request parse(int argc, char** argv) {
  Request r;
  if (argc < 2) throw std::invalid_argument("a mode is needed");
  r.mode = argv[1];
  for (int i = 2; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--journal" || option == "--guard") {
      (option == "--guard" ? r.guard : r.journal) = true;
      continue;
    }
    if (i + 1 == argc) throw std::invalid_argument("a value is missing after " + std::string(option));
    const std::string value = argv[++i];
    if (option == "--uri")
      r.uri = value;
    else if (option == "--db")
      r.db = value;
    else if (option == "--after")
      r.after = value;
    else if (option == "--kind")
      r.kind = value;
    else if (option == "--dir")
      r.dir = value;
    else if (option == "--coll")
      r.collections.push_back(value);
    else if (option == "--prefix")
      r.prefixes.push_back(value);
    else
      throw std::invalid_argument("unknown option " + std::string(option));
  }
  if (r.uri.empty() || r.db.empty()) throw std::invalid_argument("--uri and --db are needed");
  return r;
}

Result run(const Request& r) {
  if (r.mode == "replace") return replace(r);
  if (r.mode == "update-many") return update_many(r);
  if (r.mode == "info") return info(r);
  if (r.mode == "dump") return dump(r);
  if (r.mode == "load") return load(r);
  if (r.mode == "insert") return insert(r);
  throw std::invalid_argument("unknown mode " + r.mode);
}

}  // namespace

int main(int argc, char** argv) {
  // keeps a killed run from leaving a file of counters in /dev/shm
  setenv("MONGOC_DISABLE_SHM", "1", 1);
  mongoc_init();
  int status = 0;
  try {
    const Result r = run(parse(argc, argv));
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    std::printf(
        "{\"seconds\": %.6f, \"indexed_seconds\": %.6f, \"read\": %lld, \"bytes\": %lld, \"written\": %lld, "
        "\"rss_kb\": %ld}\n",
        r.seconds, r.indexed_seconds, static_cast<long long>(r.read), static_cast<long long>(r.bytes),
        static_cast<long long>(r.written), usage.ru_maxrss);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench-floor: %s\n", e.what());
    status = 1;
  }
  mongoc_cleanup();
  return status;
}
