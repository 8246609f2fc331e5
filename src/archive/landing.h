// A dataset on its way into a database: nothing of it is visible until its
// dataset document is inserted, and all of it is then.
//
//   migrator.imports  {_id: <dataset _id>, name, samples, frames, tags, documents: {collection: [ids]},
//                      files: [ids], replaces, fingerprint, now, seed, host, pid, connections}
//
// The entry comes before every other write and goes last. What a killed run
// leaves is finished, gone on with, or taken back by the next one, once the
// server has ended what it did over the run's `connections`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/contents.h"
#include "exec/unfinished.h"
#include "store/mongo.h"

namespace fm::archive {

// kNewIds: as kError, but all ids are new.
enum class OnConflict { kError, kSkip, kReplace, kNewIds };

class Landing {
 public:
  struct Entry {
    Identity identity;
    std::string seed;
    std::string fingerprint;
    // The dataset that gives way, as it was read.
    std::optional<bson::Document> replaces;
    bool published = false;  // the dataset is in its place, and nothing is left to do
  };

  // What a killed run with the same fingerprint has left, if it `can_go_on`, the
  // dataset that should give way is still the one it was, and none has come; and what
  // it has published where none gave way. All else that was left is finished or taken
  // back.
  static std::optional<Entry> recover(Mongo& mongo, const std::string& fingerprint, bool can_go_on);

  // Writes the entry, then an empty collection for samples and frames, unless
  // they are there; with their indexes where few documents come, since a server
  // makes six files for the three of a filled collection, and three for those of
  // an empty one, and waits for the disk at each. Ids and files of `contents` are
  // those to be written.
  Landing(Mongo& mongo, Entry entry, const Contents& contents, bool has_tags, bool few);
  Landing(const Landing&) = delete;
  Landing& operator=(const Landing&) = delete;
  // As take_back().
  ~Landing() { take_back(); }

  // How many samples or frames are there.
  std::int64_t staged(bool frames);
  // Documents, back to back, in their order. Throws Error(kMismatch) naming an
  // _id that is there already, with kError and kNewIds; kSkip leaves the later ones
  // out, kReplace writes over the earlier ones.
  void insert(bool frames, std::string_view batch, OnConflict on_conflict);
  void insert_tags(const std::vector<bson::Document>& tags);
  void write_results(const std::vector<RunResults>& results, const ReadResults& read, const ops::IdGenerator& ids);
  // Builds the default and custom indexes, unless they are there.
  void index(const Contents& contents, bool frames);
  // Documents the dataset refers to, then the dataset: from here on it is there.
  // Throws Error(kFailed) where another client has changed the one that should
  // give way, other than by loading it, and Error(kPrecondition) where another
  // has come.
  void publish(const Contents& contents);
  // After that: its tags take the place of those of the dataset that gave way, and
  // all else of that goes. What could not go is the text, and goes with the next
  // run; empty if nothing is left. Throws where the tags could not be changed, or
  // the server was lost.
  std::string finish();
  // After a lost connection or lease: what was written stays for the next run.
  void keep() { open_ = false; }
  // Unless published or kept, takes everything back. False where something may
  // stay, for the next run.
  bool take_back() noexcept;

  static constexpr const char* kCollection = kImports;

 private:
  const std::string& collection(bool frames) const { return frames ? entry_.identity.frames : entry_.identity.samples; }
  void make_collections(const Contents& contents, bool has_tags, bool few);
  void replace_old(const bson::Document& dataset);

  Mongo& mongo_;
  Entry entry_;
  std::string tags_;       // where tags are written
  bson::Document record_;  // in kCollection
  bool open_ = true;
};

}  // namespace fm::archive
