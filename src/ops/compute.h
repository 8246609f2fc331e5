// compute: {path, from, when: absent | absent_or_null}
// Sets a value that is made of others. `from` is one of
//   now                 the run's time
//   dataset_id          _id of the dataset
//   id_time             the time inside the document's own _id
//   new_id              an ObjectId
//   {key: PATH}         another value of the same document
//   {concat: [...]}     strings and {key: PATH}, joined
// Where a source is missing, nothing happens. Down (only with when: absent):
// unset.
#pragma once

#include "ops/arguments.h"
#include "ops/concat.h"
#include "ops/context.h"
#include "ops/lowered.h"

namespace fm::ops {

struct Compute {
  static constexpr const char* kName = "compute";
  enum class Source { kNow, kDatasetId, kIdTime, kNewId, kConcat };
  enum class When { kAlways, kAbsent, kAbsentOrNull };

  bson::Path path;
  Source source = Source::kNow;
  Concat concat;  // kConcat
  When when = When::kAlways;

  static Compute parse(Arguments& arguments);
  // Throws Error(kFailed) where the server would refuse (id_time of an _id that holds no time).
  void apply(bson::Document& doc, Context& context) const;
  std::optional<Lowered> lower(const Bindings& bindings) const;
  std::optional<Steps> inverse() const;
  std::string describe() const;
  std::vector<std::string> loses() const;
};

}  // namespace fm::ops
