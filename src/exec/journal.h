// The journal of the run under way, in `migrator.journal`.
//
//   {_id: "run", request, plan, now, seed, tool, host, pid}
//   {_id: {dataset: <_id>}, name, from, to, pass, deletes: [{collection, ids}], files: [<GridFS ids>]}
//
// The run's document is written before anything else and removed when the run
// has succeeded; a dataset's entry lives while the dataset is parked (rules E1,
// E4). `from` is the version it really has.
#pragma once

#include <string>
#include <vector>

#include "exec/prepare.h"
#include "store/mongo.h"

namespace fm {

class Journal {
 public:
  explicit Journal(Mongo& mongo) : mongo_(mongo) {}

  void begin(const Plan& plan, std::int64_t now_ms, const std::string& seed);
  void end();
  void enter(const std::vector<Prepared*>& datasets);
  // The pass that runs now; what lies before it is done.
  void advance(const Prepared& dataset, std::size_t pass);
  void leave(const std::vector<Prepared*>& datasets);

 private:
  Mongo& mongo_;
};

}  // namespace fm
