// The writes of a group of datasets, each of which can be done again.
#include "exec/batch.h"

#include "base/error.h"
#include "exec/gridfs.h"
#include "exec/guard.h"
#include "exec/owner.h"
#include "ops/server_form.h"

namespace fm {

using bson::Array;
using bson::Document;
using bson::Value;

namespace {

// Where all of them have come in that pass.
std::optional<PassCursor> common_cursor(const std::vector<const Prepared*>& datasets, const std::string& pass) {
  const auto first = datasets.front()->done.cursor_of(pass);
  const bool same = std::all_of(datasets.begin(), datasets.end(), [&](const Prepared* dataset) {
    const auto cursor = dataset->done.cursor_of(pass);
    return cursor && first && cursor->from == first->from;
  });
  return same ? first : std::nullopt;
}

ops::Message stays_beside(const std::string& collection, const Value& id) {
  return {ops::Message::Level::kWarning, "A client changed " + collection + ", " + ops::shown(id) +
                                             ", which is part of the dataset's document now: it stays beside it"};
}

}  // namespace

bool BatchRunner::add(const std::vector<Prepared*>& group) {
  std::map<std::string, std::vector<Document>> inserts;
  std::map<std::string, std::vector<Update>> replaces;
  std::vector<ops::FilePatch> patches;
  for (const auto* dataset : group) {
    for (const auto& entry : dataset->context.references.entries()) {
      if (!entry.after || entry.before == entry.after) continue;
      if (entry.before) {
        replaces[entry.collection].push_back(
            {guard(entry.id, bson::encode(*entry.before), *entry.after), bson::encode(*entry.after)});
      } else {
        inserts[entry.collection].push_back(*entry.after);
      }
    }
    const auto& patched = dataset->context.file_patches;
    patches.insert(patches.end(), patched.begin(), patched.end());
  }
  copy_patched(mongo_, patches, facts_.now_ms, facts_.ids);
  // Ids are the same when a run is repeated: meeting them is success.
  for (const auto& [collection, docs] : inserts) {
    for (const auto index : mongo_.insert(collection, docs)) {
      mongo_.replace(collection, {{Document{{"_id", *docs[index].find("_id")}}, docs[index]}});
    }
  }
  bool all = true;
  for (const auto& [collection, updates] : replaces) {
    all = mongo_.replace(collection, updates) == static_cast<std::int64_t>(updates.size()) && all;
  }
  return all;
}

// A shared collection need not have an index on the owner: one scan for all.
void BatchRunner::run_shared_passes(const std::vector<Prepared*>& group) {
  struct Together {
    ops::Pass pass;
    Array owners;
    std::vector<Prepared*> datasets;
  };
  std::map<std::string, Together> kinds;
  for (auto* dataset : group) {
    for (const auto& pass : dataset->passes) {
      if (pass.merge || owner_key(*dataset, pass).empty() || dataset->done.contains(pass_key(pass))) continue;
      auto& together = kinds[pass_key(pass)];
      together.pass = pass;
      together.owners.append(dataset->id);
      together.datasets.push_back(dataset);
    }
  }
  for (auto& [kind, together] : kinds) {
    if (together.datasets.size() < 2) continue;
    const auto key = owner_key(*together.datasets.back(), together.pass);
    owner_filter(together.pass.filter)->set(key, Document{{"$in", std::move(together.owners)}});
    const std::vector<const Prepared*> datasets(together.datasets.begin(), together.datasets.end());
    bool is_long = false;
    try {
      run_pass(mongo_, together.pass, settings_.passes, common_cursor(datasets, kind),
               [&, &kind = kind](const PassCursor& cursor) {
                 journal_.advance(datasets, kind, cursor);
                 is_long = true;
               });
      if (is_long) journal_.advance(datasets, kind);
    } catch (const Error& error) {
      if (ends_the_run(error)) throw;
      continue;  // each by itself then, so that a failure has a name
    }
    for (auto* dataset : together.datasets) dataset->done.insert(kind);
  }
}

void BatchRunner::run_passes(Prepared& dataset) {
  for (std::size_t i = 0; i < dataset.passes.size(); ++i) {
    const auto& pass = dataset.passes[i];
    const auto key = pass_key(pass);
    if (dataset.done.contains(key)) continue;
    run_pass(mongo_, pass, settings_.passes, dataset.done.cursor_of(key),
             [&](const PassCursor& cursor) { journal_.advance({&dataset}, key, cursor); });
    if (i + 1 < dataset.passes.size() || !dataset.members.empty()) journal_.advance({&dataset}, key);
  }
  for (const auto& members : dataset.members) {
    const auto count = restore_members(mongo_, members, settings_.give_back ? facts_.run : "");
    for (const auto& index : count.without_index) {
      dataset.context.messages.push_back(
          {ops::Message::Level::kWarning, "A unique index could not be made again: " + index});
    }
  }
}

void BatchRunner::clean(const std::vector<Prepared*>& group) {
  std::map<std::string, std::vector<Value>> deletes;
  Array files;
  const auto now = references_now(group, is_deleted);
  for (auto* dataset : group) {
    for (const auto& entry : dataset->context.references.entries()) {
      if (!is_deleted(entry)) continue;
      const auto found = now.find({entry.collection, id_key(entry.id)});
      if (found == now.end()) continue;
      if (found->second == bson::encode(*entry.before)) {
        deletes[entry.collection].push_back(entry.id);
      } else {
        dataset->context.messages.push_back(stays_beside(entry.collection, entry.id));
      }
    }
    for (const auto& patch : dataset->context.file_patches) files.append(patch.old_id);
    for (const auto& file : dataset->old_files) files.append(file);
  }
  // The undo log names them.
  if (!settings_.undo_log) delete_files(mongo_, files);
  for (const auto& [collection, ids] : deletes) mongo_.remove(collection, ids);
}

void BatchRunner::delete_left(const Journal::Entry& entry, std::vector<ops::Message>& messages) {
  for (const auto& [collection, list] : entry.deletes) {
    const auto* ids = list.as<Array>();
    if (!ids) continue;
    const auto* noted = entry.sums.find(collection);
    const auto* sums = noted ? noted->as<Array>() : nullptr;
    std::map<std::string, Value> sums_by_id;  // none from an earlier program
    for (std::size_t i = 0; sums && i < std::min(ids->size(), sums->size()); ++i) {
      sums_by_id.emplace(id_key((*ids)[i]), (*sums)[i]);
    }
    std::vector<Value> deletes;
    mongo_.find(collection, Document{{"_id", Document{{"$in", *ids}}}}, {}, [&, &name = collection](bson::View view) {
      const auto id = *view.get("_id");
      const auto sum = sums_by_id.find(id_key(id));
      if (sum == sums_by_id.end() || sum->second == Value(sum_of(view.copy()))) {
        deletes.push_back(id);
      } else {
        messages.push_back(stays_beside(name, id));
      }
    });
    if (!deletes.empty()) mongo_.remove(collection, deletes);
  }
}

void BatchRunner::forget(Prepared& dataset) {
  if (!dataset.complex()) return;
  for (const auto& entry : dataset.context.references.entries()) {
    if (!entry.before && entry.after) mongo_.remove(entry.collection, {entry.id});
  }
  Array files;
  for (const auto& patch : dataset.context.file_patches) files.append(patch.new_id);
  delete_files(mongo_, files);
  journal_.leave(dataset.id);
}

BatchRunner::Changes BatchRunner::changed(const std::vector<Prepared*>& group, const std::vector<Update>& updates) {
  std::vector<std::pair<std::size_t, std::optional<Document>>> out;
  for (std::size_t i = 0; i < group.size(); ++i) {
    auto now = mongo_.find_one("datasets", Document{{"_id", group[i]->id}});
    if (now && was_written(*now, group[i]->before, updates[i].update, *group[i]->route)) continue;
    out.emplace_back(i, std::move(now));
  }
  return out;
}

BatchRunner::Others BatchRunner::references_now(const std::vector<Prepared*>& group, Wanted wanted) {
  std::map<std::string, Array> named;
  for (const auto* dataset : group) {
    for (const auto& entry : dataset->context.references.entries()) {
      if (wanted(entry)) named[entry.collection].append(entry.id);
    }
  }
  Others out;
  for (auto& [collection, ids] : named) {
    mongo_.find(collection, Document{{"_id", Document{{"$in", std::move(ids)}}}}, {},
                [&, &name = collection](bson::View view) {
                  out.emplace(std::pair(name, id_key(*view.get("_id"))), view.copy());
                });
  }
  return out;
}

bool BatchRunner::references_hold(const Prepared& dataset, const Others& now) {
  const auto& entries = dataset.context.references.entries();
  return std::all_of(entries.begin(), entries.end(), [&](const ops::References::Entry& entry) {
    if (!is_changed(entry)) return true;
    const auto found = now.find({entry.collection, id_key(entry.id)});
    if (found == now.end()) return !entry.after;
    return found->second == bson::encode(*entry.before) || (entry.after && found->second == bson::encode(*entry.after));
  });
}

BatchRunner::Changes BatchRunner::replace(const std::vector<Prepared*>& group, bool was_parked) {
  std::vector<Update> updates;
  updates.reserve(group.size());
  for (const auto* dataset : group) {
    const auto filter = was_parked ? guard(dataset->id, parked(dataset->before), dataset->after)
                                   : guard(dataset->id, dataset->before, dataset->after);
    updates.emplace_back(filter, bson::encode(dataset->after));
  }
  const auto matched = mongo_.replace("datasets", updates);
  if (matched == static_cast<std::int64_t>(group.size())) return {};
  return changed(group, updates);
}

BatchRunner::Changes BatchRunner::park(const std::vector<Prepared*>& group) {
  const auto parking = bson::encode(Document{{"$set", Document{{"version", kParkedVersion}}}});
  std::vector<Update> parkings;
  std::vector<Update> expected;
  for (const auto* dataset : group) {
    auto as_parked = parked(dataset->before);
    const auto& read = dataset->parked ? as_parked : dataset->before;
    parkings.emplace_back(guard(dataset->id, read, dataset->after), parking);
    expected.emplace_back(bson::Bytes(), std::move(as_parked));
  }
  const auto matched = mongo_.update("datasets", parkings);
  if (matched == static_cast<std::int64_t>(group.size())) return {};
  return changed(group, expected);
}

}  // namespace fm
