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
  explicit CollectionNames(Mongo& mongo)
      : mongo_(mongo), names_(mongo.collection_names()), views_(views_among(mongo, names_)) {}

  bool contains(const std::string& name) const {
    const std::shared_lock lock(mutex_);
    return names_.contains(name);
  }

  // Of these, those that take no writes as a collection does.
  bool is_view(const std::string& name) const {
    const std::shared_lock lock(mutex_);
    return views_.contains(name);
  }
  bool has_views() const {
    const std::shared_lock lock(mutex_);
    return !views_.empty();
  }

  // Where another client was at work: it may have made some.
  void read_again() {
    auto names = mongo_.collection_names();
    auto views = views_among(mongo_, names);
    const std::unique_lock lock(mutex_);
    names_ = std::move(names);
    views_ = std::move(views);
  }

 private:
  // Servers keep their definitions in that collection.
  static std::set<std::string> views_among(Mongo& mongo, const std::set<std::string>& names) {
    return names.contains("system.views") ? mongo.view_names() : std::set<std::string>();
  }

  Mongo& mongo_;
  mutable std::shared_mutex mutex_;
  std::set<std::string> names_;
  std::set<std::string> views_;
};

}  // namespace fm
