// Datasets that a restore would set back, or lose, without their samples: the
// collection `datasets` is restored as a whole, whatever else a backup holds.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "backup/manifest.h"
#include "base/hash.h"
#include "bson/document.h"
#include "store/mongo.h"

namespace fm::dump {

// Names of datasets.
struct Outside {
  // The backup has none of their collections, and they are not what they were,
  // nor where its plan takes them.
  std::vector<std::string> changed;
  std::vector<std::string> newer;  // made since
  std::vector<std::string> bare;   // no samples in the backup, nor in the database
  // Collections of datasets of which the backup has the others: there were none.
  std::set<std::string> were_absent;
};

using EachDocument = std::function<void(const std::function<void(bson::View)>&)>;

// The datasets of a backup, to be compared with a database as often as it may have
// changed. Holds a key for each, and a hash of those whose collections are not there.
class BackedUpDatasets {
 public:
  // `each` visits the documents of the backup's `datasets`, once.
  BackedUpDatasets(const Manifest& manifest, const EachDocument& each);

  // Reads the database's `datasets` once. When a dataset was last loaded is no change.
  Outside compare(Mongo& mongo) const;

 private:
  // One of the backup without its collections.
  struct Lone {
    std::string name;
    std::string version;
    Digest hash;
    std::vector<std::string> collections;
  };
  std::optional<Covered> plan_;
  std::set<std::string> known_;  // encoded _ids of all
  std::map<std::string, Lone> lone_;
  std::set<std::string> were_absent_;
};

}  // namespace fm::dump
