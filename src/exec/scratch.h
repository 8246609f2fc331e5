// A small copy of datasets in a corner of their own database, for trials: in
// collections `migrator.scratch.roundtrip.*`, which no client looks at.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "revisions/catalogue.h"
#include "store/mongo.h"

namespace fm {

struct ScratchSize {
  std::int64_t samples = 20;  // of each dataset, at most
  std::size_t jobs = 2;
};

class Scratch {
 public:
  // Drops what an earlier one left behind, then copies `config` and of each
  // dataset: its document, the first and last samples, their frames, the
  // documents that a revision may look up or edit, and results of up to 16 MiB
  // of its brain runs. Only one at a time may exist for a database. What
  // `checkpoint` throws, called before each dataset, ends it with nothing left.
  Scratch(Mongo& mongo, const Catalogue& catalogue, const std::vector<bson::Value>& datasets, const ScratchSize& size,
          const std::function<void()>& checkpoint);
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  // Drops it all; what cannot be dropped now is dropped by the next one.
  ~Scratch();

  // The corner, as a database of its own.
  Mongo& mongo() { return corner_; }

 private:
  struct Owned {
    std::string collection;
    std::string owner;
    auto operator<=>(const Owned&) const = default;
  };
  void copy(const std::string& collection, const bson::Document& filter, const FindOptions& options,
            const std::function<void(const bson::Document&)>& look = nullptr);
  void copy_by_ids(const std::string& collection, const char* key, const std::vector<bson::Value>& ids);
  void copy_dataset(const bson::Document& dataset, std::int64_t samples);
  void copy_frames(const std::string& frames, const std::vector<bson::Value>& samples,
                   const std::vector<bson::Value>& listed, std::int64_t most);
  void copy_references(const bson::Document& dataset);

  Mongo& mongo_;
  Mongo corner_;
  const Catalogue& catalogue_;
  std::set<std::string> collections_;
  std::set<Owned> owned_;
};

// What an earlier one left behind; how many collections.
std::size_t drop_scratch(Mongo& mongo);

}  // namespace fm
