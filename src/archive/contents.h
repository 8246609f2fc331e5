// One dataset but for its samples and frames, in the form of the database: the
// dataset document, and the documents it refers to by id.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bson/document.h"
#include "exec/prepare.h"
#include "exec/report.h"
#include "ops/context.h"
#include "plan/plan.h"

namespace fm::archive {

// A field of the dataset document that maps keys to runs, and the folder of an
// archive that holds their results.
struct RunKind {
  const char* field;
  const char* folder;
};
inline constexpr RunKind kRunKinds[] = {
    {"annotation_runs", "annotations"}, {"brain_methods", "brain"}, {"evaluations", "evaluations"}, {"runs", "runs"}};
// A field that lists ids, and the collection of their documents.
struct ListKind {
  const char* field;
  const char* collection;
};
inline constexpr ListKind kListKinds[] = {{"saved_views", "views"}, {"workspaces", "workspaces"}};

// Results of one run: JSON text, in GridFS or in a file.
struct RunResults {
  std::string field;        // of kRunKinds
  std::string key;          // of the run
  bson::Value file;         // its GridFS id, as it will be
  bson::Value source = {};  // the one it has, where it comes from a database
  // A string at its top that changes on the way.
  std::optional<std::pair<std::string, std::string>> patch = {};
};

struct Contents {
  bson::Document dataset;
  // By collection, then in the order in which the dataset names them.
  std::map<std::string, std::vector<bson::Document>> documents;
  std::vector<RunResults> results;
  // As createIndexes takes them, without that of _id.
  std::vector<bson::Document> sample_indexes;
  std::vector<bson::Document> frame_indexes;

  std::string name() const;
  std::string version() const;  // "0.0" where there is none
  // Its media type, or that of one of its slices, is video.
  bool has_video() const;
  const bson::Document* find(const std::string& collection, const bson::Value& id) const;
};

// The collection of a dataset's frames, whether it exists or not; models before
// 0.14.0 do not say it.
std::string frame_collection(const bson::Document& dataset);

// Reads the results of a run in pieces.
using ReadResults = std::function<void(const RunResults& results, const std::function<void(std::string_view)>& visit)>;

// The same with the patch of the results applied. Throws Error(kFailed) where
// the key is no longer there.
void write_patched(const RunResults& results, const ReadResults& read,
                   const std::function<void(std::string_view)>& write);

// Who the dataset will be.
struct Identity {
  bson::Value id;
  std::string name;
  std::string slug;
  std::string samples;  // collections
  std::string frames;
  bool persistent = false;
  std::int64_t now_ms = 0;
  bool keep_times = false;  // created_at and last_modified_at stay as they are
};

// Makes the contents those of another dataset, as the original's importer does:
// new ids for runs, views and workspaces, its own names and times, all else the
// archive's. Field descriptions get `now` as created_at.
void adopt(Contents& contents, const Identity& identity, const ops::IdGenerator& ids);

struct Migrated {
  Contents contents;
  // What is left to do for each sample and frame, in order.
  std::vector<ops::CollectionWork> sample_work;
  std::vector<ops::CollectionWork> frame_work;
  std::vector<ops::Message> messages;
  std::vector<Tally> losses;
};

// Takes the contents along a route in memory. Throws Error(kPrecondition) when
// a guard refuses.
Migrated migrate(Contents contents, const Route& route, std::int64_t now_ms, const ops::IdGenerator& ids,
                 const ReadResults& read);

// The dataset document with the documents it names in place of their ids, as
// metadata.json has it. `warn` is told of ids without a document.
bson::Document inlined(const Contents& contents, const std::function<void(const std::string&)>& warn);
// The reverse: takes the documents out and gives them ids, the stored ones where
// they have one. Below 0.19.0 runs stay in the dataset document, as they did
// there. Throws Error(kMismatch) naming `file` for what is none.
Contents outlined(bson::Document metadata, const std::string& version, const ops::IdGenerator& ids,
                  const std::string& file);

// A dataset's indexes that the original does not make by itself.
std::vector<bson::Document> custom_indexes(const std::vector<bson::Document>& indexes, const bson::Document& dataset,
                                           bool frames);
// Those it makes.
std::vector<bson::Document> default_indexes(const bson::Document& dataset, bool frames);

}  // namespace fm::archive
