// What a run of one service carries along, and the readings its two halves share.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "exec/residue.h"
#include "exec/service_edit.h"
#include "exec/service_runner.h"
#include "exec/service_versions.h"

namespace fm {

struct ServiceWork {
  // One way between two versions, for the run and for working out images.
  struct Way {
    ServiceRoute route;
    ServiceSteps steps;
  };

  const ServiceRoute& route;
  ServiceRun run;
  ServiceVersion version;
  Residue residue;
  ServiceReport report;
  std::int64_t seq = 0;                // of the run, in the residue
  bool has_images = false;             // of earlier ways down
  bool unknown = false;                // where the run that is taken back found the service
  std::set<std::string> dropped = {};  // collections whose documents all go
  std::vector<std::string> open;       // revisions that this way down leaves open
  std::map<std::pair<std::string, std::string>, std::unique_ptr<Way>> ways = {};
};

// A word by which people know the document.
std::string example_of(const bson::Document& doc);

// "" where it is not known.
std::string shown_version(const std::string& version);

// Work goes batch by batch.
inline constexpr std::size_t kServiceBatch = 500;

// All documents behind `after`, in the order of _id across its types.
void read_in_order(Mongo& mongo, const std::string& collection, const std::optional<bson::Value>& after,
                   const std::function<void(bson::View)>& visit);

}  // namespace fm
