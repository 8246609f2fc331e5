// Runs that change paths, and what they changed, in the database itself:
//
//   migrator.media                {_id: RUN, kind, dataset, name, fields: [{path, frames}], request, state, started,
//   ended} migrator.media.RUN.samples    {_id: <of the document>, o: [...], n: [...]}, likewise .frames
//
// `o` and `n` hold, field by field, the texts before and after; a list, lists of
// them or a single one. A record is written before the document is. `state` is
// running, done, undoing or undone.
#pragma once

#include <optional>
#include <string>
#include <vector>

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

  std::string records(bool frames) const;
  std::vector<MediaField> fields_of(bool frames) const;
};

class Runs {
 public:
  explicit Runs(Mongo& mongo) : mongo_(mongo) {}

  // The one of this kind and request that has not ended, else a new one. Throws
  // Error(kPrecondition) while another one of the dataset has not ended. Needs
  // the lease.
  Run begin(const std::string& kind, const MediaDataset& dataset, const std::vector<MediaField>& fields,
            const bson::Document& request);
  // The run of the dataset that has not ended.
  std::optional<Run> unfinished(const MediaDataset& dataset);
  void set_state(const Run& run, const std::string& state);
  // Throws Error(kNotFound) that names the newest ones.
  Run find(const std::string& id);
  // Newest first.
  std::vector<Run> all();
  // Its records are no longer needed.
  void drop_records(const Run& run);

 private:
  Mongo& mongo_;
};

}  // namespace fm::media
