#pragma once

#include <map>
#include <mutex>

#include "media/object_store.h"

namespace fm::media {

// A map, for tests. `at_put` is called before a write with its key; what it
// throws is what the write throws.
class MemoryStore final : public ObjectStore {
 public:
  std::optional<ObjectFacts> stat(const std::string& key) override;
  std::optional<ObjectFacts> put(const std::string& key, const Content& content, const Attributes& attributes) override;
  void check_attributes(const Attributes&) const override {}
  void get(const std::string& key, const std::function<void(std::string_view)>& sink) override;
  void list(const std::string& folder, bool recursive, const std::function<void(const Entry&)>& visit) override;
  void copy(const std::string& from, const std::string& to) override;
  void remove(const std::string& key) override;

  std::function<void(const std::string& key)> at_put;

 private:
  struct Object {
    std::string content;
    Attributes attributes;
  };
  std::mutex mutex_;
  std::map<std::string, Object> objects_;
};

}  // namespace fm::media
