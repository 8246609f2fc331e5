#include "exec/take_back.h"

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "exec/ranges.h"
#include "ops/take_back.h"

namespace fm {

using bson::Document;
using bson::Value;

namespace {

// What a run made of an image, with what happened to others on the way.
struct Made {
  Document dataset;
  ops::References others;
};

// Documents as they were before the run.
ops::References::Fetch before(const Image& image, const PrepareSources& sources) {
  auto stored = std::make_shared<Others>(others_of(image.others));
  auto made = std::make_shared<Others>(others_of(image.after_others));
  return [=](const std::string& collection, const Value& id) -> std::optional<Document> {
    const std::pair key(collection, id_key(id));
    if (const auto found = stored->find(key); found != stored->end()) return found->second;
    if (made->contains(key)) return std::nullopt;
    return sources.fetch(collection, id);
  };
}

Made stored_result(const Image& image, const PrepareSources& sources) {
  Made out{*image.after, ops::References(before(image, sources))};
  const auto after = others_of(image.after_others);
  for (const auto& other : image.others) {
    const auto& id = *other.document.find("_id");
    if (!after.contains({other.collection, id_key(id)})) out.others.remove(other.collection, id);
  }
  for (const auto& other : image.after_others) {
    out.others.replace(other.collection, *other.document.find("_id"), other.document);
  }
  return out;
}

std::string listed(const std::vector<std::string>& paths) {
  constexpr std::size_t kMost = 5;
  std::string out;
  for (std::size_t i = 0; i < std::min(paths.size(), kMost); ++i) out += (i > 0 ? ", " : "") + paths[i];
  if (paths.size() > kMost) out += " and " + std::to_string(paths.size() - kMost) + " more";
  return out;
}

std::vector<MemberRestore> members_of(const RunImage& origin, const std::vector<ops::CollectionWork>& works,
                                      bool forward) {
  std::vector<MemberRestore> out;
  const auto run = [works, id = origin.image.document, now = origin.run.now_ms](const std::string& collection,
                                                                                Document member, const auto& step) {
    const ops::IdGenerator no_ids(0, "");
    ops::Context scratch(id, now, no_ids, nullptr);
    scratch.record_displaced = false;
    for (const auto& work : works) step(work, collection, member, scratch);
    return member;
  };
  for (const auto& collection : origin.image.members) {
    Document owner;
    for (const auto& work : works) {
      if (work.collection == collection && work.owner_filter) owner = work.filter;
    }
    out.push_back({origin.run.run, collection, std::move(owner),
                   [=](Document member) { return run(collection, std::move(member), ops::there); },
                   [=](const Document& image, const Document& stands) {
                     auto member = run(collection, image, ops::there_and_back);
                     for (const auto& work : works) ops::left_alone(work, collection, image, stands, member);
                     return member;
                   },
                   [](Document member) { return member; }, forward});
  }
  return out;
}

}  // namespace

Route turned(const Route& route, const Image& image) {
  Route out;
  out.from = route.dataset_keeps_version ? image.to : "0.0";
  out.to = image.from;
  out.direction = image.direction == Direction::kUp ? Direction::kDown : Direction::kUp;
  out.revisions.assign(route.revisions.rbegin(), route.revisions.rend());
  out.dataset_keeps_version = image.before && image.before->has("version");
  return out;
}

Prepared take_back(bson::Bytes current, const RunImage& run, const RunImage& origin, bool forward, const Route& back,
                   const RunFacts& facts, const PrepareSources& sources) {
  auto mine = current.decode();
  const auto& image = run.image;
  auto name = shown_name(mine);
  Prepared out{image.document,
               std::move(name),
               std::move(current),
               {},
               &back,
               ops::Context(image.document, facts.now_ms, facts.ids, sources.fetch),
               {},
               false,
               {},
               {}};
  out.context.dataset_name = out.name;
  out.context.down = back.direction == Direction::kDown;

  const RunFacts origin_facts{origin.run.now_ms, ops::IdGenerator(origin.run.now_ms, origin.run.seed), {}, "", 0};
  const PrepareSources origin_sources{false, before(origin.image, sources), sources.file_has_key};
  auto again =
      prepare(bson::encode(*origin.image.before), *origin.image.before, *origin.route, origin_facts, origin_sources);

  if (!forward) {
    for (const auto& patch : again.context.file_patches) out.copied_files.emplace_back(patch.new_id);
  }
  auto made =
      image.after ? stored_result(image, sources) : Made{std::move(again.after), std::move(again.context.references)};
  std::vector<std::string> conflicts;
  out.after = merge_worlds(made.dataset, made.others, mine, out.context.references, *image.before,
                           others_of(image.others), conflicts);
  if (!conflicts.empty()) {
    throw Error(Exit::kPrecondition, "Dataset '" + out.name + "' was changed since that run: " + listed(conflicts),
                "--skip-changed leaves it as it is and takes the others back.");
  }
  const auto& works = again.context.work;
  if (forward) {
    out.passes = std::move(again.passes);
  } else {
    std::vector<ops::Pass> passes;
    for (auto work = works.rbegin(); work != works.rend(); ++work) {
      // Of a shared collection there is an image of all that was written; without any, nothing was.
      if (work->owner_filter && !origin.image.members.contains(work->collection)) continue;
      for (auto& pass : ops::take_back(*work)) passes.push_back(std::move(pass));
    }
    out.passes = fuse(std::move(passes));
  }
  // Steps make them again, where the run had any.
  if (!forward || works.empty()) out.members = members_of(origin, works, forward);
  if (!forward) out.taken_back = {origin.run.run, origin.run.now_ms, works};
  if (!image.open.empty()) out.closes.push_back({image.run, image.open});
  out.closes.insert(out.closes.end(), image.revived.begin(), image.revived.end());
  out.opens = image.consumed;
  return out;
}

}  // namespace fm
