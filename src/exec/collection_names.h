// The collections of a database, as several threads ask for them.
#pragma once

#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>

#include "store/mongo.h"

namespace fm {

class CollectionNames {
 public:
  explicit CollectionNames(Mongo& mongo) : mongo_(mongo), names_(mongo.collection_names()) {}

  bool contains(const std::string& name) const {
    const std::shared_lock lock(mutex_);
    return names_.contains(name);
  }

  // Where another client was at work: it may have made some.
  void read_again() {
    auto names = mongo_.collection_names();
    const std::unique_lock lock(mutex_);
    names_ = std::move(names);
  }

 private:
  Mongo& mongo_;
  mutable std::shared_mutex mutex_;
  std::set<std::string> names_;
};

}  // namespace fm
