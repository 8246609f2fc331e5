// What an operation may ask and tell besides the document it edits.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bson/document.h"
#include "bson/path.h"

namespace fm::ops {

// A value that an operation took away or overwrote. Elements of arrays go by
// their name, entries of mappings by their key, never by index.
struct Displaced {
  std::string revision;
  std::string path;
  bson::Value before;
  std::optional<bson::Value> left;  // what stands there now; nothing when removed
  std::string preceding_key;        // the key in front of it, for putting it back in place
  // Coming back the way we go does not restore it.
  bool lost = false;
};

struct Message {
  enum class Level { kInfo, kWarning };
  Level level;
  std::string text;
};

// Documents of other collections that the dataset document refers to (runs,
// saved views), with the edits made to them: read through, written at the end.
class References {
 public:
  using Fetch = std::function<std::optional<bson::Document>(const std::string& collection, const bson::Value& id)>;

  explicit References(Fetch fetch) : fetch_(std::move(fetch)) {}

  // The document as it stands now, or nullptr; valid until the next call.
  const bson::Document* find(const std::string& collection, const bson::Value& id);
  void add(const std::string& collection, const bson::Value& id, bson::Document doc);
  void replace(const std::string& collection, const bson::Value& id, bson::Document doc);
  void remove(const std::string& collection, const bson::Value& id);

  struct Entry {
    std::string collection;
    bson::Value id;
    std::optional<bson::Document> before;
    std::optional<bson::Document> after;
  };
  // In the order of first mention. Absent before: an insert; absent after: a
  // delete; both and different: a replace.
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  Entry& entry(const std::string& collection, const bson::Value& id);

  Fetch fetch_;
  std::vector<Entry> entries_;
  std::unordered_map<std::string, std::size_t> index_;  // collection and encoded id -> entry
};

// A GridFS file with JSON content that is copied under a new id with one
// top-level key of it replaced; the old file is deleted afterwards.
struct FilePatch {
  bson::Value old_id;
  bson::Oid new_id;
  std::string key;
  std::string value;
};

struct Step;

// An operation over a whole collection, with its arguments made concrete.
struct CollectionWork {
  const Step* step;
  std::string revision;
  std::string collection;
  std::string frames;     // for joins: the frame collection, empty when it belongs to another dataset
  bson::Document filter;  // which documents of it belong to the dataset
  bool owner_filter = false;
};

// Name and slug of one dataset, decided before anything runs, because they
// depend on all other datasets (0.19.0).
struct Naming {
  bson::Value name;
  std::string slug;
  std::vector<std::string> warnings;
  std::optional<bson::Value> was = {};  // the name it was chosen for
};

// Ids made while migrating: 4 bytes of the run's time, then 8 of
// SHA-256(seed, service, dataset, revision, path, ordinal), so that repeating
// the same run makes the same ids.
class IdGenerator {
 public:
  IdGenerator(std::int64_t now_ms, std::string seed) : now_ms_(now_ms), seed_(std::move(seed)) {}
  bson::Oid make(std::string_view service, const bson::Value& dataset, std::string_view revision, std::string_view path,
                 std::size_t ordinal) const;

 private:
  std::int64_t now_ms_;
  std::string seed_;
};

class Context {
 public:
  Context(bson::Value dataset, std::int64_t now, const IdGenerator& ids, References::Fetch fetch)
      : dataset_id(std::move(dataset)), now_ms(now), references(std::move(fetch)), ids_(&ids) {}

  bson::Value dataset_id;
  std::string dataset_name;
  // Whose revision it is: "datasets", or the service that the document belongs to.
  std::string service = "datasets";
  std::int64_t now_ms;
  std::string revision;
  bool down = false;
  bool record_displaced = true;
  References references;
  std::optional<Naming> naming;
  // Whether a GridFS file is there and holds a JSON object with that key.
  std::function<bool(const bson::Value& file, const std::string& key)> file_has_key;
  // Datasets by name and by _id; for documents of services, nothing elsewhere.
  using Lookup = std::function<std::optional<bson::Value>(const bson::Value&)>;
  Lookup dataset_of_name;
  Lookup name_of_dataset;

  std::vector<Displaced> displaced;  // only while record_displaced
  std::vector<Message> messages;
  std::vector<CollectionWork> work;
  std::vector<FilePatch> file_patches;

  bson::Oid make_id(std::string_view path);

  // Called by operations for every value they take away or overwrite.
  // `left` is what stands there now, `restored` what the way back puts there by
  // itself.
  void displace(const bson::Path& path, bson::Value before, const bson::Value* left, std::string_view preceding_key,
                const bson::Value* restored = nullptr);

  // Where in the dataset document the current element lives: "sample_fields.id".
  class Scope {
   public:
    Scope(Context& context, std::string_view part);
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope();

   private:
    Context& context_;
    std::size_t size_;
  };
  const std::string& prefix() const { return prefix_; }
  // The key of the entry an enclosing `each` is at.
  std::string element_key;

 private:
  const IdGenerator* ids_;
  std::string prefix_;
  std::vector<std::pair<std::string, std::size_t>> ordinals_;
};

// Edits that record what they displace. A path whose parent is missing or no
// document is left alone.
void put(bson::Document& doc, const bson::Path& path, bson::Value value, Context& context,
         const bson::Value* restored = nullptr);
std::optional<bson::Value> take(bson::Document& doc, const bson::Path& path);
void remove(bson::Document& doc, const bson::Path& path, Context& context, const bson::Value* restored = nullptr);

}  // namespace fm::ops
