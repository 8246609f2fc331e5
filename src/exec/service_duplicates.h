// Whether the unique indexes of a way can be made, and those that are there kept:
// asked of the documents as the way leaves them, before anything is written.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "bson/document.h"
#include "exec/service_edit.h"

namespace fm {

// A unique index as far as it can be judged here.
struct UniqueIndex {
  std::string collection;
  std::string name;
  std::vector<std::string> keys;
  std::vector<std::string> needs;  // it holds documents that have all of these,
  bool sparse = false;             // or, if not empty, those that have one of `keys`
  bool there = false;              // else the way makes it
};

UniqueIndex to_be_made(const ServiceIndex& index);
// Of one that a collection has; nothing for one that is not unique, or whose rules
// only the server knows (other conditions, collations, kinds).
std::optional<UniqueIndex> judged(const std::string& collection, const bson::Document& index);

// A value that would stand twice in an index.
struct ServiceDuplicate {
  std::string collection;
  std::string index;                  // its name
  std::string keys;                   // "orgId, slug"
  bool there = false;                 // the index is there, made by somebody else
  std::int64_t documents = 0;         // beside the first of each value
  std::vector<std::string> examples;  // "A and B", up to three
};

// Memory: some hundred bytes a document.
class ServiceDuplicates {
 public:
  explicit ServiceDuplicates(std::vector<UniqueIndex> indexes);

  // Collections to be read.
  const std::set<std::string>& collections() const { return collections_; }
  // A document as it will be. `name` is for people. In an index that is there only
  // what is `changed` can clash. Throws Error(kPrecondition) for lists under two keys
  // of an index to be made, which no server takes.
  void add(const std::string& collection, const bson::Document& document, const std::string& name, bool changed);
  std::vector<ServiceDuplicate> take() &&;

 private:
  struct First {
    std::string name;
    bool changed;
  };
  struct Seen {
    UniqueIndex index;
    std::unordered_map<std::string, First> first;  // by key, the first document
    ServiceDuplicate found;
  };
  std::set<std::string> collections_;
  std::vector<Seen> indexes_;
};

}  // namespace fm
