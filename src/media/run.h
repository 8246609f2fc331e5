// Runs that change paths, and what they changed, in the database itself:
//
//   migrator.media                {_id: RUN, kind, dataset, name, fields: [{path, frames}], request, state, started,
//   ended} migrator.media.RUN.samples    {_id: <of the document>, o: [...], n: [...]}, likewise .frames
//
// Each run is an entry of the history, too (kind "media upload", "media rewrite"),
// and so is each undo ("media undo").
//
// `o` and `n` hold, field by field, the texts before and after; a list, lists of
// them or a single one. A record is written before the document is. `state` is
// running, done, undoing or undone.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "exec/history.h"
#include "media/fields.h"
#include "store/mongo.h"

namespace fm::media {

struct Run {
  std::string id;
  std::string kind;  // rewrite, upload
  std::string state;
  bson::Value dataset;
  std::string name;  // of the dataset, when it began
  std::vector<MediaField> fields;
  bson::Document request;
  std::int64_t started_ms = 0;
  std::string undo;  // the entry of its undo in the history, once that was begun

  std::string records(bool frames) const;
  std::vector<MediaField> fields_of(bool frames) const;
};

class Runs {
 public:
  explicit Runs(Mongo& mongo, RunOrigin origin = {}) : mongo_(mongo), origin_(std::move(origin)) {}

  // The one of this kind and request that has not ended, else a new one. Throws
  // Error(kPrecondition) while another one of the dataset has not ended. Needs
  // the lease.
  Run begin(const std::string& kind, const MediaDataset& dataset, const std::vector<MediaField>& fields,
            const bson::Document& request);
  // The run of the dataset that has not ended.
  std::optional<Run> unfinished(const MediaDataset& dataset);
  // Ends it. `documents`: whose paths it has written.
  void done(const Run& run, std::int64_t documents);
  // It ended with an error. One that was stopped, or lost its server, is not over:
  // its command goes on with it. What goes wrong here does not hide the error.
  void broken_off(const Run& run, const Error& error);
  // Its paths are being written back: the run with the undo's entry. Needs the
  // lease.
  Run begin_undo(const Run& run);
  // `whole`: nothing had to be left as it is, and what undo needs goes.
  void undone(const Run& run, std::int64_t documents, bool whole);
  void undo_broken_off(const Run& run, const Error& error);
  // Throws Error(kNotFound) that names the newest ones.
  Run find(const std::string& id);
  // Newest first.
  std::vector<Run> all();

 private:
  void set_state(const Run& run, const std::string& state, const bson::Document& more = {});
  void record(const std::string& id, const std::string& kind, bson::Document details);
  RunEnd end_of(const std::string& state, std::int64_t documents) const;
  void drop_records(const Run& run);

  Mongo& mongo_;
  RunOrigin origin_;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

}  // namespace fm::media
