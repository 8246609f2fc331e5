// custom: {function: NAME, ...}
// What no operation can say, as a compiled function. Few, and counted by a test.
#pragma once

#include "ops/arguments.h"
#include "ops/context.h"
#include "ops/lowered.h"

namespace fm::ops {

// One compiled function. Members that do not apply are null.
struct CustomFunction {
  const char* name;
  const char* description;
  std::vector<std::string> loses;
  // Refuses wrong arguments.
  void (*check)(Arguments& arguments) = nullptr;
  // On the dataset document, or on one document of a collection.
  void (*apply)(bson::Document& doc, const bson::Document& arguments, Context& context) = nullptr;
  std::optional<Lowered> (*lower)(const bson::Document& arguments, const Bindings& bindings) = nullptr;
  // Joins of samples and frames: the passes over the server, in order, and the
  // same in process on one sample and its frames.
  std::vector<Pass> (*join)(const CollectionWork& work, const bson::Document& arguments) = nullptr;
  void (*apply_join)(bson::Document& sample, std::vector<bson::Document>& frames,
                     const bson::Document& arguments) = nullptr;
  // For member edits: documents that lose something.
  std::optional<bson::Document> (*loss)(const bson::Document& arguments) = nullptr;
  // Undo: the arguments of the way back; or the key that it adds and that goes.
  bson::Document (*opposite)(const bson::Document& arguments) = nullptr;
  const char* adds = nullptr;
  // Documents that it and its way back together do not give back.
  std::optional<bson::Document> (*displaced)(const bson::Document& arguments) = nullptr;
  // Of joins: the same for frames, and the key of theirs that is written.
  bson::Document (*displaced_frames)(const bson::Document& arguments) = nullptr;
  const char* frames_key = nullptr;
  // Of joins whose way back writes a key of every sample: that key, and whether
  // they themselves change this sample.
  const char* sample_key = nullptr;
  bool (*changes)(const bson::Document& sample, const bson::Document& arguments) = nullptr;
  // And what it does to the labels of these frames: the arguments of polyline_shapes.
  std::optional<bson::Document> (*frame_polylines)(const bson::Document& arguments) = nullptr;
  // Documents of other collections it will ask the context for.
  void (*references)(const bson::Document& dataset, const bson::Document& arguments,
                     std::vector<std::pair<std::string, bson::Value>>& out) = nullptr;
  // The key it will ask the context for in the results of this run; null for none.
  const char* (*results_key)(const bson::Document& run, const bson::Document& arguments) = nullptr;
};

const std::vector<CustomFunction>& custom_functions();

struct Custom {
  static constexpr const char* kName = "custom";
  const CustomFunction* function = nullptr;  // static storage
  bson::Document arguments;

  static Custom parse(Arguments& arguments);
  void apply(bson::Document& doc, Context& context) const;
  std::optional<Lowered> lower(const Bindings& bindings) const;
  std::optional<Steps> inverse() const;
  std::string describe() const;
  std::vector<std::string> loses() const { return function->loses; }
};

// Defined one file each, custom_<name>.cc.
extern const CustomFunction kDatasetName;
extern const CustomFunction kSimilarityRuns;
extern const CustomFunction kPolylineShapes;
extern const CustomFunction kFrameMap;
extern const CustomFunction kFrameSummary;
extern const CustomFunction kPrincipal;
extern const CustomFunction kDatasetReference;
extern const CustomFunction kShortName;

}  // namespace fm::ops
