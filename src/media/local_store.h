#pragma once

#include "media/object_store.h"

namespace fm::media {

// The file system. A file appears whole, under its name, or not at all; folders
// on the way are made, and removed with their last file.
class LocalStore final : public ObjectStore {
 public:
  std::optional<ObjectFacts> stat(const std::string& key) override;
  std::optional<ObjectFacts> put(const std::string& key, const Content& content, const Attributes& attributes) override;
  void check_attributes(const Attributes& attributes) const override;
  void get(const std::string& key, const std::function<void(std::string_view)>& sink) override;
  void list(const std::string& folder, bool recursive, const std::function<void(const Entry&)>& visit) override;
  void copy(const std::string& from, const std::string& to) override;
  void remove(const std::string& key) override;
};

}  // namespace fm::media
