#include "exec/batch.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "base/error.h"
#include "base/text.h"
#include "exec/give_back.h"
#include "exec/gridfs.h"
#include "exec/guard.h"
#include "exec/own_revisions.h"
#include "exec/owner.h"
#include "ops/operation.h"
#include "ops/server_form.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

constexpr std::size_t kGroupBytes = std::size_t{4} << 20;
constexpr std::size_t kGroupSize = 128;
constexpr int kAttempts = 3;
constexpr std::size_t kReadyBytes = std::size_t{24} << 20;

// The dataset's document and those it refers to.
std::vector<Touched> touched_by(const Prepared& dataset) {
  std::vector<Touched> out{{"datasets", 1, static_cast<std::int64_t>(dataset.before.size())}};
  std::map<std::string, Touched> others;
  for (const auto& entry : dataset.context.references.entries()) {
    if (entry.before == entry.after) continue;
    auto& one = others[entry.collection];
    ++one.documents;
    one.bytes += static_cast<std::int64_t>(bson::encoded_size(entry.before ? *entry.before : *entry.after));
  }
  for (auto& [collection, one] : others) out.push_back({collection, one.documents, one.bytes});
  return out;
}

// Gives a parked document the version it really has.
bson::Bytes unparked(Document dataset, const bson::Bytes& before) {
  if (auto version = bson::View(before).get("version")) {
    dataset.set("version", std::move(*version));
  } else {
    dataset.take("version");
  }
  return bson::encode(dataset);
}

// `dataset` is used up, but for its id and name.
BatchRunner::Result result_of(Prepared& dataset) {
  BatchRunner::Result out{dataset.route,
                          dataset.id,
                          dataset.name,
                          std::move(dataset.context.messages),
                          std::move(dataset.context.displaced),
                          std::move(dataset.passes),
                          std::nullopt,
                          false,
                          {},
                          {}};
  for (const auto& one : dataset.restored) {
    for (const auto& path : one.values) out.restored.emplace_back(one.revision, path);
    for (const auto& path : one.kept) out.kept.emplace_back(one.revision, path);
    out.closes |= one.kept.empty();
  }
  return out;
}

// A version that stays does not tell whether the dataset was switched; what it
// names does.
bool names_any(const Document& dataset, const Document& deletes) {
  std::set<bson::Oid> named;
  collect_ids(Value(dataset), named);
  return std::any_of(deletes.begin(), deletes.end(), [&](const auto& of_collection) {
    const auto* ids = of_collection.value.template as<Array>();
    return ids && std::any_of(ids->begin(), ids->end(), [&](const Value& id) {
             return id.as<bson::Oid>() && named.contains(*id.as<bson::Oid>());
           });
  });
}

bool has_arrived(const Value* version, const Route& route) {
  return route.dataset_keeps_version ? version && *version == Value(route.to) : !version;
}

// Another client has taken it to another version since the plan was made: to that
// of the plan, which is as well, or elsewhere.
BatchRunner::Result moved_by_another(const Document& dataset, const std::string& version, const Route& route) {
  BatchRunner::Result out;
  out.route = &route;
  out.id = *dataset.find("_id");
  out.name = shown_name(dataset);
  if (has_arrived(dataset.find("version"), route)) return out;
  out.failure = Error(Exit::kFailed,
                      "Dataset '" + out.name + "' was taken to " + (version == "0.0" ? "no version" : "v" + version) +
                          " by another client meanwhile",
                      "It is as that client left it. Run the same command again.");
  return out;
}

BatchRunner::Result failure_of(Prepared& dataset, const Error& error) {
  auto result = result_of(dataset);
  result.failure = error;
  return result;
}

}  // namespace

bool BatchRunner::was_written(const Document& now, const bson::Bytes& before, const bson::Bytes& written,
                              const Route& route) {
  if (bson::encode(now) == written) return true;
  const auto read = bson::View(before).get("version");
  return has_arrived(now.find("version"), route) && !has_arrived(read ? &*read : nullptr, route);
}

BatchRunner::BatchRunner(Mongo& mongo, const Catalogue& catalogue, const RunFacts& facts, BatchSettings settings)
    : mongo_(mongo),
      facts_(facts),
      settings_(std::move(settings)),
      journal_(mongo),
      residue_(mongo),
      catalogue_(catalogue),
      collections_(mongo),
      result_keys_(mongo) {}

// Nothing is half done but what the journal knows.
void BatchRunner::checkpoint() const {
  if (settings_.passes.control) settings_.passes.control->checkpoint();
}

void BatchRunner::wrote(std::size_t documents) const {
  if (settings_.passes.control) settings_.passes.control->wrote(static_cast<std::int64_t>(documents));
}

void BatchRunner::survey(const std::vector<Item>& items, const std::function<void(Result)>& done) {
  each_group(
      items,
      [&](std::vector<Prepared> group, std::vector<Result> failed) {
        for (auto& dataset : group) {
          const bool simple = !dataset.complex();
          auto touched = touched_by(dataset);
          std::optional<Error> refusal;
          MemberCount members;
          try {
            members = look_at_members(dataset);
          } catch (const Error& error) {
            if (ends_the_run(error)) throw;
            refusal = error;
          }
          const bool only_shared =
              std::all_of(dataset.passes.begin(), dataset.passes.end(),
                          [&](const ops::Pass& pass) { return !pass.merge && !owner_key(dataset, pass).empty(); });
          const bool light = only_shared && dataset.members.empty() && plain_way();
          Array files;
          for (const auto& patch : dataset.context.file_patches) files.append(patch.old_id);
          auto result = result_of(dataset);
          result.touched = std::move(touched);
          result.files = std::move(files);
          result.members = std::move(members);
          result.failure = std::move(refusal);
          if (simple && plain_way() && dataset.restored.empty()) keep(dataset, result);
          if (light && !simple && !result.failure) {
            const std::lock_guard lock(ready_mutex_);
            light_.insert(id_key(result.id));
          }
          done(std::move(result));
        }
        for (auto& result : failed) done(std::move(result));
      },
      done);
}

void BatchRunner::forget_survey() {
  ready_.clear();
  ready_bytes_ = 0;
  light_.clear();
}

BatchRunner::Load BatchRunner::load(const Item& item) {
  const auto key = id_key(item.id);
  const std::lock_guard lock(ready_mutex_);
  if (ready_.contains(key)) return Load::kReady;
  return light_.contains(key) ? Load::kRefers : Load::kUnknown;
}

MemberCount BatchRunner::look_at_members(const Prepared& dataset) {
  MemberCount out;
  if (plain_way()) return out;
  const auto add = [&](const MemberCount& one) {
    out.changed += one.changed;
    if (one.edited > 0 && out.edited == 0) out.example = one.example;
    out.edited += one.edited;
  };
  for (const auto& members : dataset.members) add(check_members(mongo_, members));
  if (!settings_.undo) return out;
  std::vector<ops::CollectionWork> works;
  for (const auto& work : dataset.taken_back.works) {
    if (collections_.contains(work.collection)) works.push_back(work);
  }
  add(edited_since(mongo_, dataset.taken_back.run, works, dataset.id, dataset.taken_back.now_ms));
  if (out.edited == 0) return out;
  const auto several = out.edited > 1;
  throw Error(Exit::kPrecondition,
              "Dataset '" + dataset.name + "' was changed since that run: " + format_count(out.edited) +
                  (several ? " samples or frames, the first of them " : " sample or frame, ") + out.example,
              "--skip-changed leaves it as it is and takes the others back.");
}

void BatchRunner::keep(Prepared& dataset, const Result& result) {
  if (dataset.before.size() > kWholeGuardBytes) return;
  auto after = bson::encode(dataset.after);
  const std::lock_guard lock(ready_mutex_);
  const auto bytes = dataset.before.size() + after.size();
  if (ready_bytes_ + bytes > kReadyBytes) return;
  ready_bytes_ += bytes;
  ready_.emplace(id_key(dataset.id),
                 Ready{result, std::move(dataset.before), std::move(after), dataset.context.naming.has_value()});
}

std::vector<BatchRunner::Item> BatchRunner::run_ready(const std::vector<Item>& items,
                                                      const std::function<void(Result)>& done) {
  std::vector<Item> left;
  std::vector<Ready> ready;
  {
    const std::lock_guard lock(ready_mutex_);
    for (const auto& item : items) {
      auto kept = ready_.extract(id_key(item.id));
      if (kept.empty()) {
        left.push_back(item);
      } else {
        ready.push_back(std::move(kept.mapped()));
      }
    }
  }
  std::vector<Update> updates;
  updates.reserve(ready.size());
  for (auto& one : ready) {
    updates.emplace_back(guard(one.result.id, one.before, {}), one.after);
  }
  std::map<const Route*, Array> ids;
  for (const auto& one : ready) ids[one.result.route].append(one.result.id);
  std::vector<Image> images;
  if (settings_.undo_log) {
    auto older = older_images(ids);
    for (const auto& one : ready) {
      images.push_back(image_of(*one.result.route, one.result.id, one.result.name, one.before));
      if (one.named) images.back().stored_after = one.after;
      images.back().consumed = std::move(older[id_key(one.result.id)]);
    }
    residue_.keep(images);
  } else {
    supersede(ids);
  }
  const auto matched = mongo_.replace("datasets", updates);
  const bool all = matched == static_cast<std::int64_t>(ready.size());
  std::vector<std::size_t> written;
  for (std::size_t i = 0; i < ready.size(); ++i) {
    const auto now = all ? std::nullopt : mongo_.find_one("datasets", Document{{"_id", ready[i].result.id}});
    if (all || (now && was_written(*now, ready[i].before, updates[i].update, *ready[i].result.route))) {
      written.push_back(i);
    } else {
      left.push_back({ready[i].result.id, ready[i].result.route});
    }
  }
  if (!all) collections_.read_again();
  if (!images.empty()) {
    std::vector<Image> settled;
    for (const auto i : written) {
      if (!images[i].consumed.empty()) settled.push_back(std::move(images[i]));
    }
    residue_.settle(settled);
  }
  for (const auto i : written) done(std::move(ready[i].result));
  wrote(ready.size());
  return left;
}

void BatchRunner::run(const std::vector<Item>& all, const std::function<void(Result)>& done) {
  checkpoint();
  const auto items = run_ready(all, done);
  each_group(
      items,
      [&](std::vector<Prepared> group, std::vector<Result> failed) {
        for (auto& result : failed) done(std::move(result));
        write_group(std::move(group), done, 1);
      },
      done);
}

void BatchRunner::each_group(const std::vector<Item>& items, const Handle& handle,
                             const std::function<void(Result)>& done) {
  for (std::size_t start = 0; start < items.size(); start += kGroupSize) {
    const std::size_t end = std::min(items.size(), start + kGroupSize);
    checkpoint();
    std::map<std::string, const Item*> wanted;
    Array ids;
    for (std::size_t i = start; i < end; ++i) {
      wanted.emplace(id_key(items[i].id), &items[i]);
      ids.append(items[i].id);
    }
    Group group;
    std::size_t bytes = 0;
    const auto flush = [&] {
      std::vector<Prepared> prepared;
      std::vector<Result> failed;
      prepare_group(group, prepared, failed);
      group.clear();
      bytes = 0;
      handle(std::move(prepared), std::move(failed));
    };
    mongo_.find("datasets", Document{{"_id", Document{{"$in", std::move(ids)}}}}, {}, [&](bson::View view) {
      const auto found = wanted.find(id_key(*view.get("_id")));
      if (found == wanted.end()) return;
      group.push_back({view.copy(), found->second->route, false, {}, {}});
      wanted.erase(found);
      bytes += view.size();
      if (bytes >= kGroupBytes) flush();
    });
    if (!group.empty()) flush();
    for (const auto& [key, item] : wanted) {
      Result gone;
      gone.route = item->route;
      gone.id = item->id;
      gone.gone = true;
      done(std::move(gone));
    }
  }
}

void BatchRunner::prepare_group(const Group& group, std::vector<Prepared>& prepared, std::vector<Result>& failed) {
  // One read per collection for all documents the group refers to.
  std::map<std::string, Array> wanted;
  std::vector<std::pair<std::string, Value>> named;
  std::vector<Document> documents;
  documents.reserve(group.size());
  std::set<const ops::Steps*> all_steps;
  for (const auto& [dataset, route, parked_before, done, files, renew] : group) {
    std::vector<const ops::Steps*> steps;
    for (const auto* revision : route->revisions) {
      const auto& list = steps_of(*revision, route->direction);
      if (ops::has_references(list)) steps.push_back(&list);
    }
    all_steps.insert(steps.begin(), steps.end());
    documents.push_back(dataset.decode());
    for (const auto* list : steps) ops::references(*list, documents.back(), named);
  }
  std::map<std::pair<std::string, std::string>, std::optional<Document>> cache;
  for (auto& [collection, id] : named) {
    if (cache.emplace(std::pair(collection, id_key(id)), std::nullopt).second) wanted[collection].append(std::move(id));
  }
  for (auto& [collection, ids] : wanted) {
    mongo_.find(collection, Document{{"_id", Document{{"$in", std::move(ids)}}}}, {},
                [&, &name = collection](bson::View view) {
                  cache[{name, id_key(*view.get("_id"))}] = view.decode();
                });
  }
  std::vector<std::pair<Value, std::string>> results;
  const auto add_results = [&](const Document& run) {
    const auto* file = run.find("results");
    if (!file || !file->as<bson::Oid>()) return;
    for (const auto* list : all_steps) {
      if (const auto* key = ops::results_key(*list, run)) results.emplace_back(*file, key);
    }
  };
  for (const auto& document : documents) each_run(document, add_results);
  for (const auto& [name, document] : cache) {
    if (document) add_results(*document);
  }
  result_keys_.look_up(results);
  const PrepareSources sources{settings_.record_displaced,
                               [&](const std::string& collection, const Value& id) -> std::optional<Document> {
                                 const auto found = cache.find({collection, id_key(id)});
                                 if (found != cache.end()) return found->second;
                                 return mongo_.find_one(collection, Document{{"_id", id}});
                               },
                               [&](const Value& file, const std::string& key) { return result_keys_.has(file, key); },
                               [&](const std::string& collection) { return collections_.contains(collection); }};
  const auto replays =
      settings_.undo ? std::map<std::string, std::vector<DatasetReplay>>() : replays_of(group, sources);
  static const std::vector<DatasetReplay> kNone;
  const auto back = settings_.undo ? ways_back(group) : std::map<std::string, WayBack>();
  for (std::size_t i = 0; i < group.size(); ++i) {
    const auto& [dataset, route, parked_before, done, files, renew] = group[i];
    try {
      const bson::View read(dataset);
      if (auto version = version_of(read); plain_way() && !parked_before && version != route->from) {
        failed.push_back(moved_by_another(documents[i], version, *route));
        continue;
      }
      if (settings_.undo_log) Residue::check_depth("Dataset '" + shown_name(documents[i]) + "'", dataset);
      const auto key = id_key(read.get("_id").value_or(Value()));
      if (const auto way = back.find(key); way != back.end()) {
        const auto& one = way->second;
        const auto& origin = origin_of(one, documents[i]);
        prepared.push_back(take_back(dataset, one.run, origin, one.forward, *route, facts_, sources));
      } else if (settings_.give_back) {
        const auto images = replays.find(key);
        prepared.push_back(fm::give_back(dataset, *route, images == replays.end() ? kNone : images->second,
                                         catalogue_.datasets, facts_, sources));
      } else {
        const auto images = replays.find(key);
        prepared.push_back(prepare(dataset, std::move(documents[i]), *route, facts_, sources,
                                   images == replays.end() ? nullptr : &images->second));
      }
      prepared.back().parked = parked_before;
      prepared.back().done = done;
      prepared.back().old_files = files;
      prepared.back().renew_image = renew;
    } catch (const Error& error) {
      if (ends_the_run(error)) throw;
      Result result;
      result.route = route;
      const auto document = dataset.decode();
      result.id = *document.find("_id");
      result.name = shown_name(document);
      result.failure = error;
      failed.push_back(std::move(result));
    }
  }
  leave_out_idle_passes(prepared);
  refuse_views(prepared, failed);
  refuse_ids_without_time(prepared, failed);
}

// One that is closed to clients already would gain nothing.
void BatchRunner::refuse_views(std::vector<Prepared>& prepared, std::vector<Result>& failed) {
  if (!collections_.has_views()) return;
  std::erase_if(prepared, [&](Prepared& dataset) {
    std::set<std::string> written;
    for (const auto& pass : dataset.passes) written.insert(written_by(pass));
    for (const auto& members : dataset.members) written.insert(members.collection);
    for (const auto& entry : dataset.context.references.entries()) {
      if (!(entry.before == entry.after)) written.insert(entry.collection);
    }
    const auto view = std::ranges::find_if(written, [&](const auto& name) { return collections_.is_view(name); });
    if (dataset.parked || view == written.end()) return false;
    failed.push_back(failure_of(
        dataset, Error(Exit::kPrecondition,
                       "Dataset '" + dataset.name + "' cannot be migrated: '" + *view + "' is a view, no collection",
                       "Drop the view and give the collection that it shows this name; or leave the dataset out: "
                       "--error-level 1.")));
    return true;
  });
}

void BatchRunner::refuse_ids_without_time(std::vector<Prepared>& prepared, std::vector<Result>& failed) {
  std::erase_if(prepared, [&](Prepared& dataset) {
    std::set<std::string> seen;
    for (const auto& pass : dataset.passes) {
      if (!pass.needs_id_time || !seen.insert(pass.collection).second) continue;
      const auto found = without_time(mongo_, pass.collection);
      if (!found) continue;
      failed.push_back(failure_of(
          dataset,
          Error(Exit::kPrecondition,
                "Failed to populate 'created_at' and/or 'last_modified_at' fields for dataset '" + dataset.name +
                    "'. Reason: '" + pass.collection + "' has an _id of type " + found->find("_id")->type_name() +
                    ", which holds no time: " + ops::shown(*found->find("_id")),
                "Give these documents ObjectIds, or keep the dataset below 1.0.0.", "RuntimeError")));
      return true;
    }
    return false;
  });
}

// A dataset need not be parked for collections that are not there, or for
// shared collections without a document of its own to change.
void BatchRunner::leave_out_idle_passes(std::vector<Prepared>& group) {
  struct Shared {
    const ops::Pass* sample;
    std::string key;
    Array owners;
    std::set<std::string> busy;
  };
  for (auto& dataset : group) {
    std::erase_if(dataset.passes, [&](const ops::Pass& pass) { return !collections_.contains(pass.collection); });
  }
  std::map<std::string, Shared> shared;
  std::vector<const Shared*> of_pass;  // null for a collection of the dataset's own
  for (const auto& dataset : group) {
    for (const auto& pass : dataset.passes) {
      const auto key = owner_key(dataset, pass);
      auto* entry = key.empty() ? nullptr : &shared[pass_key(pass)];
      of_pass.push_back(entry);
      if (!entry) continue;
      entry->sample = &pass;
      entry->key = key;
      entry->owners.append(dataset.id);
    }
  }
  for (auto& [kind, entry] : shared) {
    FindOptions options;
    options.projection = Document{{entry.key, 1}};
    Document filter{{entry.key, Document{{"$in", std::move(entry.owners)}}}};
    if (!entry.sample->pending.empty()) filter = Document{{"$and", Array{filter, entry.sample->pending}}};
    mongo_.find(entry.sample->collection, filter, options, [&, &busy = entry.busy, &key = entry.key](bson::View view) {
      if (const auto owner = view.get(key)) busy.insert(id_key(*owner));
    });
  }
  auto next = of_pass.begin();
  for (auto& dataset : group) {
    std::erase_if(dataset.passes, [&](const ops::Pass&) {
      const auto* entry = *next++;
      return entry && !entry->busy.contains(id_key(dataset.id));
    });
  }
}

void BatchRunner::write_group(std::vector<Prepared> group, const std::function<void(Result)>& done, int attempt) {
  std::vector<Prepared*> simple;
  std::vector<Prepared*> complex;
  for (auto& dataset : group) {
    (dataset.parked || dataset.complex() ? complex : simple).push_back(&dataset);
  }

  Group again;
  const auto settle = [&](const std::vector<Prepared*>& written, Changes changes, bool closed) {
    std::vector<Prepared*> kept;
    std::map<std::size_t, std::optional<Document>> by_index(std::make_move_iterator(changes.begin()),
                                                            std::make_move_iterator(changes.end()));
    for (std::size_t i = 0; i < written.size(); ++i) {
      const auto change = by_index.find(i);
      if (change == by_index.end()) {
        kept.push_back(written[i]);
      } else if (!change->second) {
        forget(*written[i]);
        auto result = result_of(*written[i]);
        result.gone = true;
        done(std::move(result));
      } else if (attempt < kAttempts) {
        const auto* version = change->second->find("version");
        const bool is_parked = version && *version == Value(kParkedVersion);
        again.push_back({is_parked ? unparked(*change->second, written[i]->before) : bson::encode(*change->second),
                         written[i]->route, is_parked, written[i]->done, written[i]->old_files});
      } else {
        // Nothing was done to one that is open to clients.
        if (!closed && !written[i]->parked) {
          if (settings_.undo_log) residue_.drop(facts_.run, written[i]->id);
          journal_.leave(written[i]->id);
        }
        done(failure_of(*written[i],
                        Error(Exit::kFailed, "Dataset '" + written[i]->name + "' keeps changing while it is migrated",
                              "Stop the clients that use it and run the same command again.")));
      }
    }
    return kept;
  };

  keep_images(simple);
  const auto replaced = settle(simple, replace(simple, false), false);
  settle_images(replaced);
  for (auto* dataset : replaced) done(result_of(*dataset));
  if (complex.empty()) wrote(simple.size());

  if (!complex.empty()) {
    std::vector<Prepared*> fresh;
    std::vector<Prepared*> entered;
    std::vector<Prepared*> unkept;
    for (auto* dataset : complex) {
      (dataset->parked ? entered : fresh).push_back(dataset);
      if (!dataset->parked || dataset->renew_image) unkept.push_back(dataset);
    }
    keep_images(unkept);
    journal_.enter(fresh);
    journal_.renew(entered);
    // Before they are closed to clients: to an undo, what a client edits until then is an edit.
    for (auto& [dataset, error] : keep_group_members(complex)) {
      done(failure_of(*dataset, Error(error.code(), "Dataset '" + dataset->name + "' stays as it was: " + error.what(),
                                      error.remedy(), error.type())));
      if (!dataset->parked) journal_.leave(dataset->id);
      std::erase(complex, dataset);
    }
    auto on_the_way = settle(complex, park(complex), false);
    // Clients save runs and views without a look at the dataset.
    const auto set_back = [&] {
      const auto now = references_now(on_the_way, is_changed);
      std::erase_if(on_the_way, [&](Prepared* dataset) {
        if (references_hold(*dataset, now)) return false;
        if (attempt < kAttempts) {
          again.push_back({dataset->before, dataset->route, true, dataset->done, dataset->old_files, true});
        } else {
          done(failure_of(*dataset,
                          Error(Exit::kFailed,
                                "Dataset '" + dataset->name + "' is closed to clients, and its runs or views " +
                                    "keep changing while it is migrated",
                                "Stop the clients that use it and run the same command again.")));
        }
        return true;
      });
    };
    set_back();
    if (!add(on_the_way)) set_back();
    run_shared_passes(on_the_way);
    std::erase_if(on_the_way, [&](Prepared* dataset) {
      try {
        run_passes(*dataset);
        return false;
      } catch (const Error& error) {
        if (ends_the_run(error)) throw;
        const auto remedy = error.remedy().empty() ? "Mend what is in the way and run the same command again, or take "
                                                     "it back: fiftyone-migrator undo " +
                                                         facts_.run
                                                   : error.remedy();
        done(failure_of(*dataset, Error(error.code(),
                                        "Dataset '" + dataset->name + "' is half-way from v" + dataset->route->from +
                                            " to v" + dataset->route->to + " and closed to clients: " + error.what(),
                                        remedy, error.type())));
        return true;
      }
    });
    const auto switched = settle(on_the_way, replace(on_the_way, true), true);
    clean(switched);
    settle_images(switched);
    journal_.leave(switched);
    for (auto* dataset : switched) done(result_of(*dataset));
  }
  if (again.empty()) return;
  collections_.read_again();
  std::vector<Prepared> prepared;
  std::vector<Result> failed;
  prepare_group(again, prepared, failed);
  for (auto& result : failed) done(std::move(result));
  write_group(std::move(prepared), done, attempt + 1);
}

void BatchRunner::require_revisions(const Journal::Entry& entry, const Route& route) {
  if (entry.revisions.empty() || entry.revisions == revisions_hash(route)) return;
  throw Error(Exit::kPrecondition,
              "Dataset '" + entry.name + "' is half-way to v" + entry.to +
                  ", and the revisions of the run that was cut off there are not those of now",
              "Use the release of this program that began it, and give --catalogue what it was begun with.");
}

void BatchRunner::resume(const std::vector<std::pair<Journal::Entry, const Route*>>& entries,
                         const std::function<void(Result)>& done, bool own) {
  for (const auto& [entry, route] : entries) require_revisions(entry, *route);
  Group group;
  std::size_t bytes = 0;
  const auto flush = [&] {
    if (group.empty()) return;
    std::vector<Prepared> prepared;
    std::vector<Result> failed;
    prepare_group(group, prepared, failed);
    group.clear();
    bytes = 0;
    for (auto& result : failed) done(std::move(result));
    write_group(std::move(prepared), done, 1);
  };
  for (const auto& [entry, route] : entries) {
    const auto dataset = mongo_.find_one("datasets", Document{{"_id", entry.dataset}});
    const auto* version = dataset ? dataset->find("version") : nullptr;
    if (!version || !(*version == Value(kParkedVersion))) {
      // It had arrived: what was to be deleted goes. At any other version it had
      // not been begun, or is another client's: everything stays.
      if (dataset && own && has_arrived(version, *route) &&
          !(route->from == route->to && names_any(*dataset, entry.deletes))) {
        Result arrived;
        arrived.route = route;
        arrived.id = entry.dataset;
        arrived.name = shown_name(*dataset);
        delete_left(entry, arrived.messages);
        if (!settings_.undo_log) delete_files(mongo_, entry.files);
        // Where the version stays, it may not have been begun.
        if (route->from != route->to) done(std::move(arrived));
      }
      journal_.leave(entry.dataset);
      continue;
    }
    Document before;
    const auto& from = settings_.undo ? route->from : entry.from;
    if (from != "0.0") before.append("version", from);
    group.push_back({unparked(*dataset, bson::encode(before)), route, true, entry.done, entry.files});
    bytes += group.back().dataset.size();
    if (group.size() == kGroupSize || bytes >= kGroupBytes) flush();
  }
  flush();
}

}  // namespace fm
