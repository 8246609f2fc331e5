// The images a group of datasets leaves in the undo log, and what earlier ones give back.
#include "exec/batch.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "bson/read.h"
#include "exec/control.h"
#include "exec/gridfs.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

// Files that the dataset's runs named before, or that were made for them, and do
// not name any more: copied ones, and copies of an earlier way that gave way to
// their originals.
Array replaced_files(const Prepared& dataset) {
  auto before = dataset.copied_files;
  std::vector<Value> after;
  add_result_files(dataset.before.decode(), before);
  add_result_files(dataset.after, after);
  for (const auto& entry : dataset.context.references.entries()) {
    if (entry.before) add_result_file(*entry.before, before);
    if (entry.after) add_result_file(*entry.after, after);
  }
  Array files;
  for (auto& file : before) {
    if (std::find(after.begin(), after.end(), file) != after.end()) continue;
    if (std::find(files.begin(), files.end(), file) == files.end()) files.append(std::move(file));
  }
  return files;
}

std::string_view samples_of(const bson::Bytes& dataset) {
  return bson::View(dataset).get_string("sample_collection_name").value_or(std::string_view());
}

}  // namespace

Image BatchRunner::image_of(const Route& route, const Value& id, const std::string& name,
                            const bson::Bytes& before) const {
  Image out;
  out.run = facts_.run;
  out.seq = facts_.seq;
  out.document = id;
  out.name = name;
  out.direction = route.direction;
  out.from = route.from;
  out.to = route.to;
  Residue::check("Dataset '" + name + "'", before);
  out.stored = before;
  if (route.direction == Direction::kDown) {
    for (const auto* revision : route.revisions) out.open.push_back(revision->text);
  }
  return out;
}

Image BatchRunner::image_of(const Prepared& dataset) const {
  auto out = image_of(*dataset.route, dataset.id, dataset.name, dataset.before);
  const bool again = plain_way() && dataset.restored.empty() && !dataset.context.naming;
  if (!again) out.stored_after = bson::encode(dataset.after);
  for (const auto& entry : dataset.context.references.entries()) {
    if (entry.before == entry.after) continue;
    if (entry.before) out.others.push_back({entry.collection, *entry.before});
    if (!again && entry.after) out.after_others.push_back({entry.collection, *entry.after});
  }
  for (const auto& one : dataset.restored) {
    if (!one.kept.empty()) continue;
    const auto found = std::find_if(out.consumed.begin(), out.consumed.end(),
                                    [&](const Image::Consumed& consumed) { return consumed.run == one.run; });
    auto& consumed = found == out.consumed.end() ? out.consumed.emplace_back(Image::Consumed{one.run, {}}) : *found;
    consumed.revisions.push_back(one.revision);
  }
  out.consumed.insert(out.consumed.end(), dataset.closes.begin(), dataset.closes.end());
  out.revived = dataset.opens;
  if (dataset.complex() || !dataset.copied_files.empty()) out.files = replaced_files(dataset);
  if (settings_.give_back) {
    for (const auto& members : dataset.members) out.members.insert(members.collection);
  } else if (settings_.undo) {
    out.open.clear();
  } else if (dataset.complex()) {
    for (auto& collection : member_collections(dataset.context.work)) {
      if (collections_.contains(collection)) out.members.insert(std::move(collection));
    }
  }
  return out;
}

void BatchRunner::keep_images(const std::vector<Prepared*>& group) {
  if (settings_.undo_log) {
    std::map<const Route*, Array> down;
    for (const auto* dataset : group) down[dataset->route].append(dataset->id);
    auto older = older_images(down);
    std::vector<Image> images;
    for (auto* dataset : group) {
      for (auto& one : older[id_key(dataset->id)]) dataset->closes.push_back(std::move(one));
      images.push_back(image_of(*dataset));
    }
    residue_.keep(images);
    return;
  }
  std::map<const Route*, Array> ids;
  for (const auto* dataset : group) ids[dataset->route].append(dataset->id);
  supersede(ids);
}

std::map<std::string, std::vector<Image::Consumed>> BatchRunner::older_images(
    const std::map<const Route*, Array>& datasets) {
  std::map<std::string, std::vector<Image::Consumed>> out;
  if (!plain_way() || !collections_.contains(kResidue)) return out;
  for (const auto& [route, ids] : datasets) {
    if (route->direction == Direction::kUp) continue;
    std::vector<std::string> revisions;
    for (const auto* revision : route->revisions) revisions.push_back(revision->text);
    out.merge(residue_.still_open("datasets", "datasets", ids, revisions, facts_.run));
  }
  return out;
}

void BatchRunner::supersede(const std::map<const Route*, Array>& ids) {
  if (!collections_.contains(kResidue)) return;
  for (const auto& [route, documents] : ids) {
    if (route->direction == Direction::kUp) continue;
    std::vector<std::string> revisions;
    for (const auto* revision : route->revisions) revisions.push_back(revision->text);
    residue_.supersede("datasets", "datasets", documents, revisions);
  }
}

void BatchRunner::settle_images(const std::vector<Prepared*>& switched) {
  std::vector<Image> images;
  for (const auto* dataset : switched) {
    if (!dataset->restored.empty() || !dataset->closes.empty() || !dataset->opens.empty()) {
      images.push_back(image_of(*dataset));
    }
  }
  residue_.settle(images);
}

// Images of a shared collection are made by one scan for all datasets.
std::vector<ops::CollectionWork> BatchRunner::works_of(const std::vector<Prepared*>& group) const {
  std::vector<ops::CollectionWork> works;
  std::map<std::string, std::size_t> shared;
  for (const auto* dataset : group) {
    for (const auto& work : dataset->context.work) {
      if (!collections_.contains(work.collection)) continue;
      if (!work.owner_filter) {
        works.push_back(work);
        continue;
      }
      const auto& owner = work.filter[0];
      const auto key = work.revision + "/" + work.collection + "/" + owner.key;
      const auto [found, first] = shared.try_emplace(key, works.size());
      if (first) {
        works.push_back(work);
        works.back().filter = Document{{owner.key, Document{{"$in", Array()}}}};
      }
      works[found->second].filter.find(owner.key)->as<Document>()->find("$in")->as<Array>()->append(owner.value);
    }
  }
  return works;
}

std::vector<std::pair<Prepared*, Error>> BatchRunner::keep_group_members(const std::vector<Prepared*>& group) {
  if (!settings_.undo_log || !plain_way()) return {};
  constexpr const char* kKept = "kept";
  const auto keep_of = [&](const std::vector<Prepared*>& datasets) {
    keep_members(mongo_, facts_.run, works_of(datasets), settings_.passes);
    journal_.advance({datasets.begin(), datasets.end()}, kKept);
    for (auto* dataset : datasets) dataset->done.insert(kKept);
  };
  std::vector<Prepared*> missing;
  for (auto* dataset : group) {
    const bool any = std::ranges::any_of(
        dataset->context.work, [&](const ops::CollectionWork& work) { return collections_.contains(work.collection); });
    if (any && !dataset->done.contains(kKept)) missing.push_back(dataset);
  }
  if (missing.empty()) return {};
  try {
    keep_of(missing);
    return {};
  } catch (const Error& error) {
    if (ends_the_run(error)) throw;
  }
  // Each by itself, so that a failure has a name.
  std::vector<std::pair<Prepared*, Error>> failed;
  for (auto* dataset : missing) {
    try {
      keep_of({dataset});
    } catch (const Error& error) {
      if (ends_the_run(error)) throw;
      failed.emplace_back(dataset, error);
    }
  }
  return failed;
}

const Route* BatchRunner::way_back(const Image& image) {
  const auto& route = route_of(image);
  const std::lock_guard lock(runs_mutex_);
  const bool keeps = image.before && image.before->has("version");
  const auto key = image.from + "/" + image.to + (keeps ? "/v" : "");
  auto found = ways_back_.find(key);
  if (found == ways_back_.end()) found = ways_back_.emplace(key, turned(route, image)).first;
  return &found->second;
}

std::map<std::string, BatchRunner::WayBack> BatchRunner::ways_back(const Group& group) {
  std::map<std::string, WayBack> out;
  Array ids;
  for (const auto& read : group) ids.append(bson::View(read.dataset).get("_id").value_or(Value()));
  for (auto& [key, image] : residue_.images(settings_.undo->run, "datasets", "datasets", ids)) {
    if (!image.before) continue;
    const auto* route = &route_of(image);
    out.emplace(key, WayBack{{*settings_.undo, std::move(image), route}, std::nullopt, false});
  }
  // An undo has no passes of its own: those of the run it took back count.
  auto run = settings_.undo;
  bool forward = false;
  while (run && run->undoes) {
    const auto* next = run_record(*run->undoes);
    run = next ? std::optional(*next) : std::nullopt;
    forward = !forward;
  }
  if (!run || run->run == settings_.undo->run) return out;
  for (auto& [key, image] : residue_.images(run->run, "datasets", "datasets", ids)) {
    const auto way = out.find(key);
    if (way == out.end() || !image.before) continue;
    const auto* route = &route_of(image);
    way->second.origin = RunImage{*run, std::move(image), route};
    way->second.forward = forward;
  }
  return out;
}

const RunImage& BatchRunner::origin_of(const WayBack& way, const Document& dataset) const {
  if (!way.run.image.is_of(bson::text_at(dataset, "sample_collection_name"))) {
    throw Error(Exit::kPrecondition,
                "Dataset '" + shown_name(dataset) + "' is not the one of that run: an import has replaced it since",
                "--skip-changed leaves it as it is and takes the others back.");
  }
  if (way.origin) return *way.origin;
  if (!settings_.undo->undoes) return way.run;
  throw Error(Exit::kPrecondition,
              "Dataset '" + shown_name(dataset) + "' cannot be taken back: what run " + *settings_.undo->undoes +
                  " kept of it was removed",
              "`migrate` takes it to the version that it is to have.");
}

const RunRecord* BatchRunner::run_record(const std::string& run) {
  const std::lock_guard lock(runs_mutex_);
  auto found = runs_.find(run);
  if (found == runs_.end()) found = runs_.emplace(run, residue_.run(run)).first;
  return found->second ? &*found->second : nullptr;
}

const Route& BatchRunner::route_of(const Image& image) {
  const std::lock_guard lock(runs_mutex_);
  const std::pair key(image.from, image.to);
  auto found = routes_.find(key);
  if (found == routes_.end()) {
    found = routes_.emplace(key, make_route(catalogue_, catalogue_.datasets, image.from, image.to)).first;
  }
  return found->second;
}

std::map<std::string, std::vector<DatasetReplay>> BatchRunner::replays_of(const Group& group,
                                                                          const PrepareSources& sources) {
  std::map<std::string, std::vector<DatasetReplay>> out;
  if (!collections_.contains(kResidue)) return out;
  Array ids;
  std::map<std::string, const Route*> routes;
  std::map<std::string, std::string_view> samples;
  for (const auto& read : group) {
    if (!settings_.give_back && (read.route->direction != Direction::kUp || read.route->revisions.empty())) continue;
    const auto id = bson::View(read.dataset).get("_id").value_or(Value());
    ids.append(id);
    routes.emplace(id_key(id), read.route);
    samples.emplace(id_key(id), samples_of(read.dataset));
  }
  if (ids.empty()) return out;
  for (auto& [key, images] : residue_.open("datasets", "datasets", ids)) {
    const auto* route_up = routes.at(key);
    const auto& revisions = route_up->revisions;
    for (auto& image : images) {
      const auto is_open = [&](const Revision* revision) {
        return std::find(image.open.begin(), image.open.end(), revision->text) != image.open.end();
      };
      const bool passed = settings_.give_back || std::any_of(revisions.begin(), revisions.end(), is_open);
      const auto* record = passed ? run_record(image.run) : nullptr;
      if (!record || !image.before || !image.is_of(samples.at(key))) continue;
      const auto& route = route_of(image);
      out[key].emplace_back(std::move(image), route, *record, sources);
    }
  }
  return out;
}

}  // namespace fm
