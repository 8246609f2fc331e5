// Which results of runs hold which key, remembered.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bson/document.h"
#include "store/mongo.h"

namespace fm {

// Thread-safe.
class ResultKeys {
 public:
  explicit ResultKeys(Mongo& mongo) : mongo_(mongo) {}

  // As file_has_key(); asks the server once.
  bool has(const bson::Value& file, const std::string& key);

  // Answers these beforehand by one read for 32 files, as far as their first
  // chunks tell; at most 8 MiB at a time.
  void look_up(const std::vector<std::pair<bson::Value, std::string>>& files);

 private:
  Mongo& mongo_;
  std::mutex mutex_;
  std::unordered_map<std::string, bool> known_;  // by key and file
};

}  // namespace fm
