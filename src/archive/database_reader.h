// One dataset of a database, to be taken elsewhere.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "archive/contents.h"
#include "archive/documents.h"
#include "store/mongo.h"

namespace fm::archive {

class DatabaseReader {
 public:
  // Reads the dataset document and all it refers to. Throws Error(kNotFound)
  // for a name that is none, Error(kPrecondition) for a dataset that is
  // half-way in a migration.
  DatabaseReader(Mongo& mongo, const std::string& name);

  const Contents& contents() const { return contents_; }
  // The moment that samples and frames are read of, on a replica set.
  const std::optional<ClusterTime>& moment() const { return moment_; }

  std::unique_ptr<DocumentSource> samples();
  // nullptr where the dataset has none.
  std::unique_ptr<DocumentSource> frames();
  void read_results(const RunResults& results, const std::function<void(std::string_view)>& visit) const;
  // In the order of an export.
  void read_tags(const std::function<void(const bson::Document& tag)>& visit) const;

  std::int64_t document_bytes() const { return sample_size_.bytes + frame_size_.bytes; }  // by the metadata
  // Tells this state of the dataset from others, as far as changed_since() does; empty
  // where the server does not tell one database from another.
  std::string fingerprint() const;
  // What another client changed since: empty, or a sentence.
  std::string changed_since() const;

 private:
  void read_references();

  Mongo& mongo_;
  Contents contents_;
  std::string samples_;
  std::string frames_;  // empty: none
  bool clips_ = false;  // frames_ is that of their source
  std::optional<ClusterTime> moment_;
  Mongo::Size sample_size_;
  Mongo::Size frame_size_;
};

}  // namespace fm::archive
