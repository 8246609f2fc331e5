// Names and slugs of datasets (0.19.0).
#pragma once

#include <set>
#include <string>

#include "bson/document.h"
#include "ops/context.h"

namespace fm::ops {

// Names and slugs have at most this many code points.
inline constexpr std::size_t kLongestName = 100;

// ASCII letters and digits stay, white space and + _ . - become '-', all else
// goes; runs of '-' collapse, those at the ends go; lower case.
std::string slugify(std::string_view name);

// Names and slugs in use. One book serves a run: datasets are named in its
// order, each seeing the choices made before it.
class NameBook {
 public:
  // `now_ms` in local time gives the default names.
  explicit NameBook(std::int64_t now_ms) : now_ms_(now_ms) {}

  void add(const bson::Value* name, const bson::Value* slug);

  // For a dataset without a slug, whose own name has been added. Never equal
  // to a name or slug in use; the choice is added.
  Naming choose(const bson::Value* name);

 private:
  std::string default_name() const;
  bool taken(const std::string& name) const { return names_.contains(name); }

  std::int64_t now_ms_;
  std::multiset<std::string> names_;
  std::multiset<std::string> slugs_;
};

}  // namespace fm::ops
