// Giving many documents a value of their own at one path, in few requests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bson/document.h"
#include "store/mongo.h"

namespace fm {

// What has to stand at a path for a document to be edited: one value for each
// document, in the order of `ids`. A path through a list stands for the list of
// what its elements have; a missing value is null.
struct Expectation {
  std::string path;
  std::vector<bson::Value> values;
};

struct ColumnEdit {
  std::string collection;
  std::vector<bson::Value> ids;
  std::vector<bson::Value> values;  // one for each id
  std::string path;                 // dotted
  // The part of `path` that holds a list of documents; then each value is an array
  // with one item for each element. Empty: `path` passes through no list.
  std::string list;
  bool keep_for_null = false;        // in a list: null leaves its element alone
  std::vector<std::string> parents;  // paths that have to be documents
  std::vector<Expectation> expected;
  std::string stamp;  // a date that is set to `now_ms` with every edit; empty: none
  std::int64_t now_ms = 0;
};

struct ColumnResult {
  std::int64_t edited = 0;
  // Documents that are gone or not as expected; they are as they were.
  std::vector<bson::Value> left;
};

// Called from one thread at a time with the documents handled so far; false ends
// the work after the requests that are under way.
using ColumnProgress = std::function<bool(std::size_t done)>;

// A field of the document itself is set by one update for each document, 1000 in a
// request. Where conditions are to hold, or a list is walked, one updateMany for up to
// 256 documents or 4 MiB: they are found by their _id, and each looks its value up by
// it. The server makes one plan for all of them, which for each would cost it more than
// the update. Each document is written at once or not at all; repeating an edit changes
// nothing.
ColumnResult set_column(Mongo& mongo, const ColumnEdit& edit, std::size_t jobs, const ColumnProgress& progress);

}  // namespace fm
