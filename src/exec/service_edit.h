// The steps of a service on the documents of its collections, in process.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "exec/prepare.h"
#include "exec/residue.h"
#include "ops/index.h"
#include "plan/services.h"
#include "store/mongo.h"

namespace fm {

// What becomes of one document.
struct ServiceEdit {
  bson::Bytes before;                     // empty: it comes back from the residue
  std::optional<bson::Document> after;    // nothing: it is removed
  std::string removed_by;                 // by that revision,
  std::optional<bson::Document> removed;  // as it stood there: its way back begins behind it
  std::vector<ops::Displaced> displaced;
  std::vector<ops::Message> messages;
  std::vector<Image::Consumed> consumed;  // images that gave something back
  std::vector<Image::Consumed> revived;   // those that may again
  // The way down leaves it as it is, but the way up would not: only an image is kept.
  bool only_image = false;
};

struct ServiceIndex {
  std::string collection;
  ops::Index index;
};

// The steps of one route, by collection. Thread-safe once made.
class ServiceSteps {
 public:
  ServiceSteps() = default;
  // `route` outlives this. Datasets are looked up in `main`, once, when a step first asks.
  ServiceSteps(const ServiceRoute& route, const Parameters& parameters, std::int64_t now_ms, const std::string& seed,
               Mongo& main);

  // Whose documents are edited, in the order of first mention.
  const std::vector<std::string>& collections() const { return collections_; }
  // Indexes as the route leaves them: `index.drop` says whether it goes.
  const std::vector<ServiceIndex>& indexes() const { return indexes_; }

  // Nothing when the document stays as it is. `after_revision`: only what comes
  // behind that revision of the route. Throws Error(kPrecondition) when a guard
  // refuses.
  std::optional<ServiceEdit> edit(const std::string& collection, bson::Bytes before,
                                  const std::string& after_revision = "") const;

 private:
  struct Datasets;
  struct One {
    std::string revision;
    const ops::Step* step;
  };
  const std::vector<One>* steps_of_collection(const std::string& collection) const;

  const ServiceRoute* route_ = nullptr;
  std::optional<RunFacts> facts_;
  std::vector<std::string> collections_;
  std::vector<std::vector<One>> steps_;  // of collections_
  std::vector<ServiceIndex> indexes_;
  std::shared_ptr<Datasets> datasets_;
};

}  // namespace fm
