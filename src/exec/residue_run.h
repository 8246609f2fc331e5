// What the undo log says of a run, or of one service of it, beside its images
// (the form: exec/residue.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bson/document.h"

namespace fm {

// The services of a run beside its datasets, in the order of work: `up` goes
// before the datasets, `down` after them. Each has a record of its own,
// "RUN.SERVICE", in its database.
struct RunServices {
  std::vector<std::string> up;
  std::vector<std::string> down;
  // Where that of cas is, if it is among them: the name of its database, beside
  // that of the datasets, and what database_identity says of its users.
  std::string main_database = {};
  std::string cas_database = {};
  std::string cas_identity = {};

  bool empty() const { return up.empty() && down.empty(); }
};
std::string part_of_run(const std::string& run, const std::string& service);
bool is_part(const std::string& run);
// "RUN" of "RUN.SERVICE".
std::string run_of_part(const std::string& part);

// One run, as its images need it.
struct RunRecord {
  std::string run;
  std::int64_t seq = 0;
  std::int64_t now_ms = 0;
  std::string seed;
  std::string target;
  std::optional<bson::Document> config;  // as it was, if the run wrote it
  std::string database;                  // the version that the run left there
  std::optional<std::string> undoes;
  std::optional<std::string> undone_by;
  // Of an undo: collections that the run had set aside (exec/set_aside.h).
  std::vector<std::string> brought_back;
  // Of a repair, or an undo of one: it edited documents one by one, and what it
  // keeps is in exec/document_edits.h.
  bool repair = false;
  RunServices services;
  // Of a service: its document in `migrator.versions` as it was; empty where it
  // had none. `target` is where the run takes the service.
  std::optional<bson::Document> version;
  // The versions that the run took it to stand at before and after, also where none
  // was stored; "" where it was not known.
  std::string from = {};
  std::string to = {};
  // Collections that the run drops, as they were made, and those that it makes
  // again: [{collection, options, indexes}].
  bson::Array dropped = {};
  bson::Array made = {};
  bson::Array own = {};  // exec/own_revisions.h
};
RunRecord record_of(std::string run, std::int64_t now_ms, std::string seed, std::string target);

// As it stands in the collection, and back; what is missing there stays empty.
bson::Document encoded(const RunRecord& run);
RunRecord run_of(const bson::Document& record);

}  // namespace fm
