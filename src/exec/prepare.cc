#include "exec/prepare.h"

#include <algorithm>

#include "base/error.h"
#include "bson/difference.h"
#include "exec/history.h"
#include "exec/ranges.h"
#include "exec/world.h"
#include "ops/operation.h"

namespace fm {

using bson::Document;
using bson::Value;

namespace {

constexpr std::size_t kLargestDocument = std::size_t{16} << 20;
// What the version of a parked dataset may add.
constexpr std::size_t kParking = 32;

std::string largest_key(const Document& dataset) {
  std::string out;
  std::size_t most = 0;
  for (const auto& [key, value] : dataset) {
    const auto size = bson::encoded_size(Document{{"", value}});
    if (size <= most) continue;
    most = size;
    out = key;
  }
  return out;
}

Prepared::Restored restore(const DatasetReplay& replay, const Revision& revision, const Document& before_step,
                           Prepared& dataset, const RunFacts& facts) {
  const auto made = dataset.after;
  Prepared::Restored out{replay.image().run, revision.text, {}, {}};
  out.kept = replay.restore(revision, before_step, dataset.after, dataset.context, facts);
  for (const auto& one : bson::differences(made, dataset.after)) out.values.push_back(one.path);
  return out;
}

}  // namespace

void check_size(const Prepared& dataset) {
  const auto parked = dataset.complex() ? dataset.before.size() + kParking : 0;
  const auto size = std::max(bson::encoded_size(dataset.after), parked);
  if (size <= kLargestDocument) return;
  throw Error(Exit::kPrecondition,
              "Dataset '" + dataset.name + "' would grow to " + std::to_string(size) + " bytes on the way to v" +
                  dataset.route->to + ", and MongoDB allows " + std::to_string(kLargestDocument) + " for a document",
              "Its largest key is '" + largest_key(dataset.after) + "': make that smaller first.");
}

RunFacts facts_of(std::int64_t now_ms, const std::string& seed) {
  return {now_ms, ops::IdGenerator(now_ms, seed), {}, run_id(now_ms, seed), 0};
}

std::string id_key(const Value& id) {
  if (const auto* oid = id.as<bson::Oid>()) return {reinterpret_cast<const char*>(oid->bytes), sizeof oid->bytes};
  const auto encoded = bson::encode(Document{{"", id}});
  return {reinterpret_cast<const char*>(encoded.data()), encoded.size()};
}

std::string shown_name(const Document& dataset) {
  const auto* name = dataset.find("name");
  const auto* text = name ? name->as<std::string>() : nullptr;
  return text ? *text : "None";
}

std::string version_of(bson::View dataset) {
  const auto version = dataset.get_string("version");
  return version && !version->empty() ? std::string(*version) : "0.0";
}

const ops::Steps& steps_of(const Revision& revision, Direction direction) {
  return direction == Direction::kUp ? revision.up : revision.down;
}

bool Prepared::complex() const {
  const auto& entries = context.references.entries();
  const bool elsewhere =
      std::any_of(entries.begin(), entries.end(), [](const auto& entry) { return !(entry.before == entry.after); });
  return elsewhere || !passes.empty() || !members.empty() || !context.file_patches.empty();
}

Prepared prepare(bson::Bytes dataset, Document after, const Route& route, const RunFacts& facts,
                 const PrepareSources& sources, const std::vector<DatasetReplay>* replays) {
  const auto* found = after.find("_id");
  const Value id = found ? *found : Value();
  auto name = shown_name(after);
  Prepared out{id,
               std::move(name),
               std::move(dataset),
               std::move(after),
               &route,
               ops::Context(id, facts.now_ms, facts.ids, sources.fetch),
               {},
               false,
               {},
               {}};
  auto& context = out.context;
  context.dataset_name = out.name;
  context.down = route.direction == Direction::kDown;
  context.file_has_key = sources.file_has_key;
  context.record_displaced = sources.record_displaced;
  if (const auto naming = facts.namings.find(id_key(id)); naming != facts.namings.end()) {
    const auto* current = out.after.find("name");
    if (naming->second.was != (current ? std::optional(*current) : std::nullopt)) {
      throw Error(Exit::kFailed, "Dataset '" + out.name + "' was renamed by another client meanwhile",
                  "It is as that client left it. Run the same command again.");
    }
    context.naming = naming->second;
  }
  for (const auto* revision : route.revisions) {
    context.revision = revision->text;
    const DatasetReplay* replay = nullptr;
    for (std::size_t i = 0; replays && !replay && i < replays->size(); ++i) {
      if ((*replays)[i].open_for(revision->text)) replay = &(*replays)[i];
    }
    const auto before_step = replay ? out.after : Document();
    ops::apply(steps_of(*revision, route.direction), out.after, context);
    if (replay) out.restored.push_back(restore(*replay, *revision, before_step, out, facts));
    // Later revisions, and their messages, know a dataset by its new name.
    context.dataset_name = shown_name(out.after);
  }
  if (route.dataset_keeps_version) {
    out.after.set("version", route.to);
  } else {
    out.after.take("version");
  }
  std::vector<ops::Pass> passes;
  for (const auto& work : context.work) {
    if (sources.has_collection && !ops::joins(*work.step) && !sources.has_collection(work.collection)) continue;
    for (auto& pass : ops::lower(work, context)) passes.push_back(std::move(pass));
  }
  out.passes = fuse(std::move(passes));
  for (std::size_t i = 0; replays && i < replays->size(); ++i) {
    for (auto& members : (*replays)[i].members(route, out.context)) out.members.push_back(std::move(members));
  }
  check_size(out);
  return out;
}

}  // namespace fm
