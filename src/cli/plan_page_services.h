// The services of an Enterprise deployment on the page of a plan.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bson/document.h"
#include "plan/plan.h"

namespace fm::cli {

class ServicesOnPage {
 public:
  // As `plan -o json` has them; `services` outlives this.
  ServicesOnPage(const bson::Array& services, bool undo_log);

  bool any() const { return !services_.empty(); }
  std::size_t moved() const;       // services
  std::int64_t documents() const;  // to write
  std::int64_t losses() const;     // values taken away
  bool refused() const;            // unique indexes that cannot be made

  // List items: what happens in that direction, in order.
  std::string steps(Direction direction) const;
  // All that the plan says of them; empty without any.
  std::string content() const;

 private:
  std::vector<const bson::Document*> services_;
  bool undo_log_;
};

}  // namespace fm::cli
