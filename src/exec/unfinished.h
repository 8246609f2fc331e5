// The run in the journal, for people: at work, or abandoned.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/mongo.h"

namespace fm {

struct UnfinishedRun {
  std::string run;   // its id
  std::string what;  // "a migration to v1.22.1", "a repair", "an undo of RUN"
  std::string host;  // where it was begun
  std::int64_t pid = 0;
  std::int64_t begun_ms = 0;
  std::int64_t half_way = 0;  // datasets
  bool at_work = false;       // somebody holds the lease
  bool can_be_undone = false;

  // "run 20261126-003221-09e8, a migration to v1.22.1, begun 2026-11-26 00:32:21 UTC by process 12 on host x"
  std::string text() const;
  // What an admin does about an abandoned one.
  std::string remedy() const;
};

// Three small reads; one where there is none.
std::optional<UnfinishedRun> unfinished_run(Mongo& mongo);

// Entries of datasets on their way into a database (archive/landing.h).
inline constexpr const char* kImports = "migrator.imports";

// An import or copy of a dataset that has not ended.
struct UnfinishedImport {
  std::string name;  // of the dataset
  std::string host;
  std::int64_t pid = 0;
  std::int64_t begun_ms = 0;
  bool at_work = false;  // somebody holds the lease
  // What it has put there, and what a dataset that it replaces has.
  std::vector<std::string> collections;
  std::vector<std::pair<std::string, bson::Value>> documents;  // collection and _id

  // "an import of 'x', begun 2026-11-26 00:32:21 UTC by process 12 on host y"
  std::string text() const;
  std::string remedy() const;
};

// One small read; one more where there are any.
std::vector<UnfinishedImport> unfinished_imports(Mongo& mongo);

// What a run with that target in the journal is about.
std::string about_target(const std::string& target);

}  // namespace fm
