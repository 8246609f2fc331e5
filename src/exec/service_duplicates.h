// Whether the unique indexes of a way can be made: asked of the documents as the
// way leaves them, before anything is written.
#pragma once

#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "bson/document.h"
#include "exec/service_edit.h"

namespace fm {

// A value that would stand twice in an index.
struct ServiceDuplicate {
  std::string collection;
  std::string index;                  // its name
  std::string keys;                   // "orgId, slug"
  std::int64_t documents = 0;         // beside the first of each value
  std::vector<std::string> examples;  // "A and B", up to three
};

// Memory: some hundred bytes a document.
class ServiceDuplicates {
 public:
  // Unique, to be made, and not there yet.
  explicit ServiceDuplicates(std::vector<ServiceIndex> indexes);

  // Collections to be read.
  const std::set<std::string>& collections() const { return collections_; }
  // A document as it will be. `name` is for people.
  void add(const std::string& collection, const bson::Document& document, const std::string& name);
  std::vector<ServiceDuplicate> take() &&;

 private:
  struct Seen {
    ServiceIndex index;
    std::unordered_map<std::string, std::string> first;  // by key, the name of the first document
    ServiceDuplicate found;
  };
  std::set<std::string> collections_;
  std::vector<Seen> indexes_;
};

}  // namespace fm
