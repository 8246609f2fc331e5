#include "ops/take_back.h"

#include <iterator>

#include "ops/operation.h"

namespace fm::ops {

using bson::Array;
using bson::Document;

namespace {

Document exists(const bson::Path& path) { return {{path.top(), Document{{"$exists", true}}}}; }

Document either(Array alternatives) {
  return alternatives.size() == 1 ? *alternatives[0].as<Document>() : Document{{"$or", std::move(alternatives)}};
}

Document both(Document a, Document b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  return Document{{"$and", Array{std::move(a), std::move(b)}}};
}

Step unset(const bson::Path& path) { return Step{Unset{{path}, std::nullopt, std::nullopt}, {}, {}, 0}; }

struct Way {
  std::optional<Step> back;
  std::optional<Document> displaced;
};

struct WayOf {
  // What is written wherever it was not: taken away again where nothing was.
  Way operator()(const Compute& op) const { return {unset(op.path), exists(op.path)}; }
  Way operator()(const Set& op) const { return {unset(op.path), exists(op.path)}; }
  Way operator()(const SetDefault& op) const { return {unset(op.path), exists(op.path)}; }
  // Its way back would also move what stood at the target before.
  Way operator()(const Rename& op) const { return {Step{Rename{op.to, op.from}, {}, {}, 0}, exists(op.to)}; }
  Way operator()(const MapValue& op) const { return {std::nullopt, either({exists(op.path), exists(op.into)})}; }
  Way operator()(const Unset& op) const {
    Array present;
    for (const auto& path : op.paths) present.append(exists(path));
    return {std::nullopt, either(std::move(present))};
  }
  Way operator()(const Custom& op) const {
    const auto& function = *op.function;
    Way out;
    if (function.opposite) out.back = Step{Custom{op.function, function.opposite(op.arguments)}, {}, {}, 0};
    if (function.adds) out.back = unset(function.adds);
    if (function.displaced) out.displaced = function.displaced(op.arguments);
    return out;
  }
  template <class T>
  Way operator()(const T&) const {
    return {};
  }
};

// What a join does to the labels of frames, and the way back from that.
struct OnFrames {
  Step there;
  Step back;
};

std::optional<OnFrames> on_frames(const CollectionWork& work, const std::string& collection) {
  const auto* custom = std::get_if<Custom>(&work.step->operation);
  if (!custom || !custom->function->frame_polylines || collection.empty() || collection != work.frames) {
    return std::nullopt;
  }
  auto there = custom->function->frame_polylines(custom->arguments);
  if (!there) return std::nullopt;
  auto back = kPolylineShapes.opposite(*there);
  return OnFrames{Step{Custom{&kPolylineShapes, std::move(*there)}, {}, {}, 0},
                  Step{Custom{&kPolylineShapes, std::move(back)}, {}, {}, 0}};
}

}  // namespace

std::vector<std::pair<std::string, Document>> displaced(const CollectionWork& work) {
  std::vector<std::pair<std::string, Document>> out;
  const auto* custom = std::get_if<Custom>(&work.step->operation);
  if (custom && custom->function->displaced_frames && !work.frames.empty()) {
    out.emplace_back(work.frames, custom->function->displaced_frames(custom->arguments));
  }
  auto found = std::visit(WayOf{}, work.step->operation).displaced;
  if (!work.owner_filter) {
    if (found) out.emplace_back(work.collection, std::move(*found));
    return out;
  }
  // Few: with all that will be written, keys come back at their place.
  const auto lowered = std::visit([](const auto& op) { return op.lower(Bindings{}); }, work.step->operation);
  Array any;
  if (lowered && !lowered->pending.empty()) any.append(lowered->pending);
  if (found) any.append(std::move(*found));
  out.emplace_back(work.collection, any.empty() ? work.filter : both(work.filter, either(std::move(any))));
  return out;
}

void there(const CollectionWork& work, const std::string& collection, Document& member, Context& context) {
  const auto* custom = std::get_if<Custom>(&work.step->operation);
  if (custom && custom->function->join) {
    if (collection == work.frames && custom->function->frames_key) member.take(custom->function->frames_key);
    if (const auto labels = on_frames(work, collection)) apply_to_member(labels->there, member, context);
  } else if (collection == work.collection) {
    apply_to_member(*work.step, member, context);
  }
}

void there_and_back(const CollectionWork& work, const std::string& collection, Document& member, Context& context) {
  there(work, collection, member, context);
  const auto back = std::visit(WayOf{}, work.step->operation).back;
  if (back && collection == work.collection) apply_to_member(*back, member, context);
  if (const auto labels = on_frames(work, collection)) apply_to_member(labels->back, member, context);
}

void left_alone(const CollectionWork& work, const std::string& collection, const Document& image,
                const Document& stands, Document& member) {
  const auto* custom = std::get_if<Custom>(&work.step->operation);
  if (!custom || !custom->function->changes || collection != work.collection) return;
  if (custom->function->changes(image, custom->arguments)) return;
  const auto* key = custom->function->sample_key;
  if (const auto* made = stands.find(key)) {
    member.set(key, *made);
  } else {
    member.take(key);
  }
}

std::optional<std::pair<std::string, std::string>> drops_unique(const CollectionWork& work) {
  const auto* custom = std::get_if<Custom>(&work.step->operation);
  if (!custom || !custom->function->frames_key || work.frames.empty()) return std::nullopt;
  return std::pair<std::string, std::string>(work.frames, custom->function->frames_key);
}

Lowered back_and_there(const std::vector<CollectionWork>& works, const Bindings& bindings) {
  struct Way {
    Lowered there;
    Lowered back;
  };
  std::vector<Way> ways;
  const auto lowered = [&](const Step& step) {
    return std::visit([&](const auto& op) { return op.lower(bindings); }, step.operation);
  };
  for (const auto& work : works) {
    const bool labels = std::holds_alternative<Custom>(work.step->operation);
    if (labels || !work.step->target.filter.always()) continue;
    const auto back = std::visit(WayOf{}, work.step->operation).back;
    auto way_back = back ? lowered(*back) : std::nullopt;
    auto way_there = lowered(*work.step);
    if (way_back && way_there) ways.push_back({std::move(*way_there), std::move(*way_back)});
  }
  Lowered out;
  const auto add = [&](const Lowered& one) {
    for (const auto& stage : one.pipeline) out.pipeline.append(stage);
    out.keys.insert(one.keys.begin(), one.keys.end());
  };
  for (auto way = ways.rbegin(); way != ways.rend(); ++way) add(way->back);
  for (const auto& way : ways) add(way.there);
  return out;
}

std::vector<Pass> take_back(const CollectionWork& work) {
  const auto back = std::visit(WayOf{}, work.step->operation).back;
  if (!back) return {};
  CollectionWork reversed = work;
  reversed.step = &*back;
  const IdGenerator no_ids(0, "");
  const Context context(bson::Null{}, 0, no_ids, nullptr);
  auto out = lower(reversed, context);
  if (const auto labels = on_frames(work, work.frames)) {
    // First, while it can be told which frames were in a map.
    CollectionWork frames = work;
    frames.step = &labels->back;
    frames.collection = work.frames;
    const auto* key = std::get_if<Custom>(&work.step->operation)->function->frames_key;
    frames.filter = Document{{key, Document{{"$exists", true}}}};
    auto passes = lower(frames, context);
    out.insert(out.begin(), std::make_move_iterator(passes.begin()), std::make_move_iterator(passes.end()));
  }
  return out;
}

}  // namespace fm::ops
